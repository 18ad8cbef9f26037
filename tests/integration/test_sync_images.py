"""The images that chats show are queued once, and again when a download may have another outcome."""

import requests

from demo.media import Media, Picture
from demo.service import DemoAccount
from imagecache.clock import DAY, HOUR
from imagecache.model.image import Failure, FailureReason, ImageMessage
from imagecache.stores.chats.participants import CHAT_ROW
from tests.integration.conftest import Stack
from tests.integration.sync_results import chat_of_two, queued_keys


def test_every_image_that_can_be_fetched_is_queued_exactly_once(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    report = stack.sync(demo, session)
    keys = queued_keys(stack)
    assert len(keys) == len(set(keys)) == report.queued
    assert set(keys) >= set(demo.account.deliverable())


def test_a_new_avatar_of_a_quiet_chat_is_a_change(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    stack.messages()
    chat, other = chat_of_two(demo)
    demo.account.set_avatar(other.id, Picture.remote(Media("local.beeper.com", "alex_New")))
    stack.sync(demo, session, complete=True)
    assert queued_keys(stack) == ["local.beeper.com/alex_New"]
    image = stack.participants_table.roster(chat.id)[other.id].image
    assert image is not None
    assert image.key == "local.beeper.com/alex_New"


def test_a_new_picture_of_the_chat_itself_is_a_change(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    stack.messages()
    chat = demo.account.chats[0]
    demo.account.set_avatar(chat.id, Picture.remote(Media("local.beeper.com", "alex_New")))
    assert stack.sync(demo, session, complete=True).changed == 1
    assert queued_keys(stack) == ["local.beeper.com/alex_New"]


def test_a_removed_avatar_is_removed(stack: Stack, demo: DemoAccount, session: requests.Session) -> None:
    chat, other = chat_of_two(demo)
    demo.account.set_avatar(other.id, Picture.remote(Media("local.beeper.com", "alex_New")))
    demo.account.set_avatar(chat.id, Picture.remote(Media("local.beeper.com", "alex_Chat")))
    stack.sync(demo, session)
    assert stack.participants_table.roster(chat.id)[CHAT_ROW].image is not None
    demo.account.set_avatar(chat.id, None)
    demo.account.set_avatar(other.id, None)
    stack.sync(demo, session, complete=True)
    roster = stack.participants_table.roster(chat.id)
    assert CHAT_ROW not in roster
    assert roster[other.id].image is None


def test_an_image_that_moves_to_disk_is_still_the_same_image(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    stack.messages()
    for key in demo.account.deliverable()[:5]:
        demo.account.show_as_file(key)
    assert stack.sync(demo, session, complete=True).queued == 0


def test_an_image_that_was_gone_and_appears_on_disk_is_tried_once_more(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    _, other = chat_of_two(demo)
    media = Media("local.beeper.com", "alex_Lost")
    demo.account.set_avatar(other.id, Picture.remote(media))
    stack.sync(demo, session)
    stack.messages()
    fail(stack, media.key, media.mxc_url, due=stack.now + DAY)
    assert stack.sync(demo, session, complete=True).queued == 0
    demo.account.show_as_file(media.key)
    stack.sync(demo, session, complete=True)
    assert queued_keys(stack) == [media.key]
    assert (
        stack.cacher(demo, session).cache(ImageMessage(media.key, media.file_url, stack.now)).result
        == "cached"
    )
    assert stack.sync(demo, session, complete=True).queued == 0


def fail(stack: Stack, key: str, url: str, *, due: int) -> None:
    claim = stack.won(ImageMessage(key, url, stack.now))
    stack.claims.fail(claim, Failure(FailureReason.GONE, stack.now, due))


def test_a_failure_is_queued_again_when_it_is_due_and_not_before(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    stack.messages()
    key = demo.account.deliverable()[0]
    fail(stack, key, f"file:///u/media/{key}", due=stack.now + HOUR)
    assert stack.sync(demo, session, complete=True).queued == 0
    stack.now += HOUR
    assert stack.sync(demo, session).queued == 1, "also by an incremental run, though its chat did not move"
    assert queued_keys(stack) == [key]
    assert stack.sync(demo, session).queued == 0, "a message waits for it"


def test_a_message_that_was_lost_is_sent_again_after_three_hours(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    queued = stack.sync(demo, session).queued
    stack.messages()
    stack.now += 3 * HOUR - 1
    assert stack.sync(demo, session).queued == 0
    stack.now += 1
    assert stack.sync(demo, session).queued == queued


def test_images_of_inactive_chats_are_left_out_on_request(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    newest = stack.chat_api(demo, session).page(None).chats[0].last_activity
    stack.now = newest + 1
    few = stack.sync(demo, session, active_within_days=30).queued
    everything = stack.sync(demo, session, complete=True).queued + few
    assert 0 < few < everything


def test_a_token_that_was_refused_to_sync_is_not_used_by_the_cacher(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    cacher, key = stack.cacher(demo, session), demo.account.deliverable()[0]
    request = ImageMessage(key, f"mxc://{key}", stack.now)
    demo.faults.set("unauthorized", "chats")
    stack.sync(demo, session)
    assert cacher.cache(request).result == "deferred"
    assert demo.hits.as_json()["assetsServe"] == 0
    demo.faults.set("none", "all")
    assert stack.sync(demo, session).outcome == "ok"
    stack.now += 15 * 60_000
    assert cacher.cache(request).result == "cached", "by the probe that the circuit lets through"
