"""Beeper's chats come into the tables, change with it, and cost nothing while they do not change."""

import pytest
import requests

from imagecache.model import Chat
from imagecache.queues.images import from_body
from imagecache.stores.participants import CHAT_ROW
from imagecache.stores.sync_state import OriginState
from local.demo.media import Media, Picture
from local.demo.service import DemoAccount
from tests.integration.conftest import Stack


def stored_chat_ids(stack: Stack) -> set[str]:
    return {item["chatId"]["S"] for item in stack.dynamodb.scan(TableName="BeeperChatsTable")["Items"]}


def queued_keys(stack: Stack) -> list[str]:
    return [from_body(message["body"]).image_key for message in stack.messages()]


def test_every_chat_that_is_not_merged_into_another_is_stored(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    report = stack.sync(demo, session).run()
    assert report.outcome is OriginState.OK
    assert stored_chat_ids(stack) == {chat.id for chat in demo.account.chats if not chat.merged_into}


def test_every_member_is_stored_also_of_a_group_longer_than_a_list_shows(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session).run()
    for chat in demo.account.chats:
        if not chat.merged_into:
            roster = stack.participants.roster(chat.id)
            assert roster.keys() - {CHAT_ROW} == {person.id for person in chat.people}


def test_every_image_that_can_be_fetched_is_queued_exactly_once(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    report = stack.sync(demo, session).run()
    keys = queued_keys(stack)
    assert len(keys) == len(set(keys)) == report.queued
    assert set(keys) >= set(demo.account.deliverable())


def test_a_second_run_over_unchanged_chats_writes_nothing_but_its_own_state(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session).run()
    stack.writes.clear()
    report = stack.sync(demo, session).run()
    assert (report.changed, report.queued) == (0, 0)
    assert stack.writes == ["PutItem"]


def test_a_new_avatar_alone_is_a_change(stack: Stack, demo: DemoAccount, session: requests.Session) -> None:
    stack.sync(demo, session).run()
    stack.messages()
    chat = next(chat for chat in demo.account.chats if len(chat.people) == 2 and not chat.merged_into)
    other = next(person for person in chat.people if not person.is_self)
    demo.account.set_avatar(other.id, Picture.remote(Media("local.beeper.com", "alex_New")))
    stack.sync(demo, session).run()
    assert queued_keys(stack) == ["local.beeper.com/alex_New"]
    image = stack.participants.roster(chat.id)[other.id].image
    assert image is not None
    assert image.key == "local.beeper.com/alex_New"


def test_a_removed_avatar_is_removed(stack: Stack, demo: DemoAccount, session: requests.Session) -> None:
    stack.sync(demo, session).run()
    chat = next(chat for chat in demo.account.chats if chat.picture and not chat.merged_into)
    demo.account.set_avatar(chat.id, None)
    stack.sync(demo, session).run()
    assert CHAT_ROW not in stack.participants.roster(chat.id)


def test_a_member_who_left_is_removed(stack: Stack, demo: DemoAccount, session: requests.Session) -> None:
    stack.sync(demo, session).run()
    chat = next(chat for chat in demo.account.chats if 3 <= len(chat.people) < 20 and not chat.merged_into)
    leaver = next(person for person in chat.people if not person.is_self)
    demo.account.remove_member(chat.id, leaver.id)
    stack.sync(demo, session).run()
    assert leaver.id not in stack.participants.roster(chat.id)


def test_an_image_that_moves_to_disk_is_still_the_same_image(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session).run()
    stack.messages()
    media = next(
        person.picture.media
        for chat in demo.account.chats
        for person in chat.people
        if person.picture and person.picture.media
    )
    demo.account.show_as_file(media.key)
    assert stack.sync(demo, session).run().queued == 0


def test_old_servers_with_short_pages_and_short_rosters_are_read_completely(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    demo.chat_api.is_old = True
    stack.sync(demo, session).run()
    assert stored_chat_ids(stack) == {chat.id for chat in demo.account.chats if not chat.merged_into}
    group = max(demo.account.chats, key=lambda chat: len(chat.people))
    assert stack.participants.roster(group.id).keys() - {CHAT_ROW} == {one.id for one in group.people}


def test_offline_is_a_quiet_outcome_that_deletes_nothing(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session).run()
    before = stored_chat_ids(stack)
    synced_at = stack.state.origin().synced_at
    stack.now += 600_000
    for fault, outcome in (
        ("offline", OriginState.OFFLINE),
        ("tunnel_down", OriginState.OFFLINE),
        ("html", OriginState.OFFLINE),
        ("unauthorized", OriginState.UNAUTHORIZED),
    ):
        demo.faults.set(fault, "chats")
        assert stack.sync(demo, session).run().outcome is outcome
        assert stack.state.origin().state is outcome
    assert stored_chat_ids(stack) == before
    assert stack.state.origin().synced_at == synced_at


def test_a_crash_before_a_chat_is_written_heals_in_the_next_run(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    put = stack.chats.put
    victim = demo.account.chats[5].id

    def crash(chat: Chat, *, list_fingerprint: str) -> None:
        if chat.chat_id == victim:
            raise ConnectionError("the network went away")
        put(chat, list_fingerprint=list_fingerprint)

    stack.chats.put = crash  # type: ignore[method-assign] # members and messages are written, the chat is not
    with pytest.raises(ConnectionError):
        stack.sync(demo, session).run()
    stack.chats.put = put  # type: ignore[method-assign] # as above
    assert victim not in stored_chat_ids(stack)
    stack.sync(demo, session).run()
    assert stored_chat_ids(stack) == {chat.id for chat in demo.account.chats if not chat.merged_into}
    keys = queued_keys(stack)
    assert len(keys) == len(set(keys))
