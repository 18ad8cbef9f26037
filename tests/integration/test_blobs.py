"""The image bucket: versions of objects are deleted by their ids, many in one call."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from PIL import Image

from imagecache.errors import StoreUnavailableError
from imagecache.imaging.pictures import render
from imagecache.stores.blobs import Blobs, object_keys
from tests.integration.conftest import Stack
from tests.integration.sweeping import a_picture, an_animation, sweep_of


@contextmanager
def failing(stack: Stack, fail: Callable[[Any], list[dict[str, str]]]) -> Iterator[None]:
    """Lets S3 report errors for single objects, in answers to calls that succeed."""

    def add_errors(parsed: Any, **_: object) -> None:
        parsed["Errors"] = fail(parsed)

    stack.s3.meta.events.register("after-call.s3.DeleteObjects", add_errors)
    try:
        yield
    finally:
        stack.s3.meta.events.unregister("after-call.s3.DeleteObjects", add_errors)


def error(version_id: str) -> dict[str, str]:
    return {"Key": "originals/blob", "VersionId": version_id, "Code": "SlowDown", "Message": "slow down"}


def test_versions_are_deleted_many_in_one_call(stack: Stack) -> None:
    for number in range(8):
        stack.s3.put_object(Bucket="images", Key="originals/blob", Body=b"x" * number)
    stack.now += 1
    stack.calls.clear()
    blobs = Blobs(bucket="images", s3=stack.s3, salt_store=stack.wiring.salt_store, deletions_per_call=3)
    assert blobs.delete_versions("blob", before=stack.now) == (8, sum(range(8)))
    assert stack.calls.count("DeleteObjects") == 3
    assert "DeleteObject" not in stack.calls
    assert list(stack.blobs.versions("blob")) == []


def test_old_versions_of_several_blobs_are_deleted_in_one_call(stack: Stack) -> None:
    for number in range(5):
        stack.s3.put_object(Bucket="images", Key=f"originals/blob{number}", Body=b"x")
    stack.now += 1
    young = stack.s3.put_object(Bucket="images", Key="originals/blob0", Body=b"young")["VersionId"]
    versions = list(stack.blobs.versions())
    assert stack.blobs.delete([version for version in versions if version.modified_at < stack.now]) == (5, 5)
    assert stack.calls.count("DeleteObjects") == 1
    assert [version.version_id for version in stack.blobs.versions()] == [young]


@pytest.mark.parametrize(("blobs", "lists"), [(1, 2), (3, 2)])
def test_old_versions_are_listed_with_the_fewest_requests(stack: Stack, blobs: int, lists: int) -> None:
    """One blob by its own lists, and several by the list of the whole bucket, which is small here."""
    for number in range(4):
        stack.s3.put_object(Bucket="images", Key=f"originals/blob{number}", Body=b"x")
    stack.now += 1
    stack.s3.put_object(Bucket="images", Key="originals/blob0", Body=b"young")
    stack.calls.clear()
    blob_ids = [f"blob{number}" for number in range(blobs)]
    old = sweep_of(stack).blob_sweeper.old_versions(blob_ids, listed=5, old_before=stack.now)
    assert {blob_id: len(versions) for blob_id, versions in old.items()} == dict.fromkeys(blob_ids, 1)
    assert stack.calls.count("ListObjectVersions") == lists


def test_nothing_to_delete_takes_no_call(stack: Stack) -> None:
    assert stack.blobs.delete_versions("blob", before=stack.now) == (0, 0)
    stack.blobs.undelete([])
    assert "DeleteObjects" not in stack.calls


def test_a_moving_copy_is_stored_and_deleted_like_the_other_copies(stack: Stack) -> None:
    original = an_animation("red")
    blob = stack.blobs.store(original, render(original))
    assert blob.is_animated
    keys = set(object_keys(blob.blob_id, is_animated=True))
    assert len(keys) == 5
    assert {version.key for version in stack.blobs.versions() if version.is_current} == keys
    moving = stack.s3.get_object(Bucket="images", Key=f"images/{blob.blob_id}/anim.webp")
    assert moving["ContentType"] == "image/webp"
    assert moving["CacheControl"] == "public, max-age=31536000, immutable"
    with Image.open(io.BytesIO(moving["Body"].read())) as image:
        assert getattr(image, "n_frames", 1) == 2
    stack.now += 1
    assert stack.blobs.delete_versions(blob.blob_id, before=stack.now).versions == 5


def test_a_picture_that_does_not_move_has_no_moving_copy(stack: Stack) -> None:
    original = a_picture("red")
    blob = stack.blobs.store(original, render(original))
    assert not blob.is_animated
    keys = {version.key for version in stack.blobs.versions()}
    assert keys == set(object_keys(blob.blob_id))


def test_a_version_that_s3_fails_to_delete_is_tried_again(stack: Stack) -> None:
    kept = stack.s3.put_object(Bucket="images", Key="originals/blob", Body=b"x")["VersionId"]
    stack.s3.put_object(Bucket="images", Key="originals/blob", Body=b"y")
    stack.now += 1
    failures = [[error(kept)], [error(kept)], []]
    with failing(stack, lambda _: failures.pop(0)):
        assert stack.blobs.delete_versions("blob", before=stack.now).versions == 2
    assert stack.calls.count("DeleteObjects") == 3


def test_a_version_that_s3_does_not_delete_is_an_error_that_names_no_key(stack: Stack) -> None:
    kept = stack.s3.put_object(Bucket="images", Key="originals/blob", Body=b"x")["VersionId"]
    stack.now += 1
    with (
        failing(stack, lambda _: [error(kept)]),
        pytest.raises(StoreUnavailableError, match=r"^S3 did not delete 1 object versions: SlowDown$"),
    ):
        stack.blobs.delete_versions("blob", before=stack.now)
    assert stack.calls.count("DeleteObjects") == 3


def test_an_undeleted_object_is_served_again(stack: Stack) -> None:
    keys = [f"images/blob/{size}.webp" for size in (96, 192)]
    for key in keys:
        stack.s3.put_object(Bucket="images", Key=key, Body=b"x")
        stack.s3.delete_object(Bucket="images", Key=key)
    markers = [version for version in stack.blobs.versions() if version.is_marker]
    stack.calls.clear()
    stack.blobs.undelete(markers)
    assert stack.calls == ["DeleteObjects"]
    assert {version.key for version in stack.blobs.versions() if version.is_current} == set(keys)
