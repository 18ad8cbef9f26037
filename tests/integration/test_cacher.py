"""A queue message becomes a stored image: once, and whole. Whatever goes wrong is recorded."""

import io
from dataclasses import replace

import pytest
import requests
from PIL import Image

from demo.media import Media
from demo.media import Picture as DemoPicture
from demo.service import DemoAccount
from imagecache.clock import HOUR
from imagecache.errors import ClaimHeldError
from imagecache.model.image import ImageMessage, Picture
from imagecache.rules.retries import NEVER
from imagecache.rules.source_urls import image_key
from imagecache.stores.blobs import blob_id
from tests.integration.conftest import NOW, Stack


def message_for(key: str) -> ImageMessage:
    return ImageMessage(key, f"mxc://{key}", NOW)


def keys_in(stack: Stack) -> list[str]:
    return sorted(found["Key"] for found in stack.s3.list_objects_v2(Bucket="images").get("Contents", []))


def test_a_message_leaves_the_original_and_a_webp_of_each_size(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str
) -> None:
    assert stack.cacher(demo, session).cache(message_for(key)).result == "cached"
    blob = stack.row(key)["blobId"]
    assert keys_in(stack) == [
        f"images/{blob}/192.webp",
        f"images/{blob}/640.webp",
        f"images/{blob}/96.webp",
        f"originals/{blob}",
    ]
    original = stack.s3.get_object(Bucket="images", Key=f"originals/{blob}")["Body"].read()
    assert blob == blob_id(stack.wiring.salt_store.read(), original)
    served = stack.s3.get_object(Bucket="images", Key=f"images/{blob}/192.webp")
    assert served["ContentType"] == "image/webp"
    assert served["CacheControl"] == "public, max-age=31536000, immutable"
    with Image.open(io.BytesIO(served["Body"].read())) as image:
        assert max(image.size) <= 192


def test_a_second_delivery_downloads_nothing(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str
) -> None:
    cacher = stack.cacher(demo, session)
    assert [cacher.cache(message_for(key)).result for _ in range(3)] == [
        "cached",
        "deduplicated",
        "deduplicated",
    ]
    assert demo.hits.as_json()["imageHits"] == 1


def test_a_picture_is_cached_once_whatever_form_its_url_has(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    media = Media("local.beeper.com", "alex_1f+a b")
    attachment = Media("local-whatsapp", "attachments/0a1b")
    demo.account.set_avatar(demo.account.chats[0].id, DemoPicture.served(media))
    demo.account.set_avatar(demo.account.chats[1].id, DemoPicture.by_path(attachment))
    cacher = stack.cacher(demo, session)
    localhost = media.file_url.replace("file://", "file://localhost")
    forms = (media.serve_url, media.windows_path, localhost, media.mxc_url, media.file_url)
    relative = f"BeeperTexts/{attachment.server}/{attachment.media_id}"
    for url in (*forms, attachment.plain_path, attachment.file_url, relative):
        image = ImageMessage(image_key(url), url, NOW)
        is_first = url in {forms[0], attachment.plain_path}
        assert cacher.cache(image).result == ("cached" if is_first else "deduplicated")
    for url in (media.windows_path, localhost):  # Beeper has to accept each of them
        assert stack.cached_images.request_refresh(media.key, now=stack.now + 1)
        assert cacher.cache(ImageMessage(media.key, url, NOW)).result == "cached"
    assert stack.cached_images.request_refresh(attachment.key, now=stack.now + 1)
    assert cacher.cache(ImageMessage(attachment.key, relative, NOW)).result == "cached"
    assert demo.hits.as_json()["images"] == {media.key: 3, attachment.key: 2}


def test_every_image_the_account_delivers_ends_cached(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    stack.drain(stack.cacher(demo, session))
    deliverable = demo.account.deliverable()
    assert {key: stack.row(key)["status"] for key in deliverable} == dict.fromkeys(deliverable, "cached")
    hits = demo.hits.as_json()["images"]
    assert hits == dict.fromkeys(deliverable, 1)
    # A media id contains the owner's user name, so no object may be named after it.
    assert not [name for name in keys_in(stack) if "alex" in name or "beeper" in name]


@pytest.mark.parametrize(
    "case",
    [
        ("not_found", "gone", HOUR // 6),
        ("wrong_bytes", "unsupported", NEVER),
    ],
)
def test_a_failure_is_recorded_by_class_and_tried_again_in_its_time(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str, case: tuple[str, str, int]
) -> None:
    fault, reason, wait = case
    demo.faults.set(fault, "images")
    cacher = stack.cacher(demo, session)
    assert cacher.cache(message_for(key)).reason == reason
    row = stack.row(key)
    assert (row["status"], row["reason"]) == ("failed", reason)
    due = int(row["nextAttemptAt"])
    assert due == NEVER if wait == NEVER else NOW + wait <= due <= NOW + wait * 1.25
    demo.faults.set("none", "all")
    assert cacher.cache(message_for(key)).result == "deduplicated"
    if wait != NEVER:
        stack.now = due
        assert cacher.cache(message_for(key)).result == "cached"


@pytest.mark.parametrize("fault", ["offline", "unauthorized", "rate_limited", "tunnel_down", "html"])
def test_an_image_whose_origin_is_down_waits_and_fails_only_after_two_hours(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str, fault: str
) -> None:
    demo.faults.set(fault)
    cacher = stack.cacher(demo, session)
    assert cacher.cache(message_for(key)).result == "deferred"
    assert (stack.row(key)["status"], "lease" in stack.row(key)) == ("pending", False)
    stack.now += 2 * HOUR
    assert cacher.cache(message_for(key)).reason == "origin_down"
    due = int(stack.row(key)["nextAttemptAt"])
    assert stack.now + HOUR // 6 <= due <= stack.now + HOUR // 3
    demo.faults.set("none", "all")
    stack.now = due
    assert cacher.cache(message_for(key)).result == "cached"


@pytest.mark.parametrize("fault", ["offline", "tunnel_down", "html", "empty", "truncated", "asset_error"])
def test_an_image_that_beeper_alone_does_not_serve_keeps_no_other_image_waiting(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str, fault: str
) -> None:
    other = demo.account.deliverable()[0]
    demo.faults.set(fault, images=[key])
    cacher = stack.cacher(demo, session)
    bad = message_for(key)
    assert [cacher.cache(message).result for message in (bad, message_for(other))] == ["deferred", "cached"]
    assert cacher.cache(replace(bad, deferrals=1)).reason == "not_served"
    demo.faults.set("none")
    stack.now = int(stack.row(key)["nextAttemptAt"])
    assert cacher.cache(bad).result == "cached"


@pytest.mark.parametrize("case", [("endless", "too_large"), ("wrong_length", "undecodable")])
def test_an_image_with_bytes_of_the_wrong_length_fails_alone(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str, case: tuple[str, str]
) -> None:
    fault, reason = case
    demo.faults.set(fault, images=[key])
    cacher = stack.cacher(demo, session)
    assert cacher.cache(message_for(key)).reason == reason
    assert cacher.cache(message_for(demo.account.deliverable()[0])).result == "cached"


def test_an_image_that_is_gone_for_good_is_named_as_gone(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    gone = demo.account.gone()[0]
    assert stack.cacher(demo, session).cache(message_for(gone)).reason == "gone"


def test_an_image_that_kills_its_worker_ends_as_crashed_and_is_not_fetched_again(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str
) -> None:
    cacher = stack.cacher(demo, session)
    for _ in range(2):
        stack.won(message_for(key), nonce="killed")
        stack.now += 90_001
    assert cacher.cache(message_for(key)).result == "suspected"
    stack.won(message_for(key), nonce="killed alone")
    stack.now += 90_001
    assert cacher.cache(message_for(key)).result == "suspected"
    assert cacher.cache(message_for(key), alone=True).reason == "crashed"
    assert demo.hits.as_json()["imageHits"] == 0


def test_a_held_image_is_reported_with_the_end_of_its_lease(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str
) -> None:
    stack.won(message_for(key), nonce="other")
    with pytest.raises(ClaimHeldError) as caught:
        stack.cacher(demo, session).cache(message_for(key))
    assert caught.value.held_until == NOW + 90_000


def test_the_loser_of_a_race_leaves_nothing_behind(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str
) -> None:
    slow = stack.cacher(demo, session)
    fast = stack.cacher(demo, session)
    put = stack.blobs.put
    results = []

    def overtaken(blob_id: str, original: bytes, picture: Picture) -> None:
        put(blob_id, original, picture)
        stack.blobs.put = put  # type: ignore[method-assign] # only the first worker stalls
        stack.now += 90_001
        results.append(fast.cache(message_for(key)).result)

    stack.blobs.put = overtaken  # type: ignore[method-assign] # a worker that stalls at the worst moment
    results.append(slow.cache(message_for(key)).result)
    assert results == ["cached", "lost"]
    blob = stack.row(key)["blobId"]
    assert {name.split("/")[1] for name in keys_in(stack)} == {blob}, "what the loser stored is the same"
    assert stack.row(key)["status"] == "cached"
