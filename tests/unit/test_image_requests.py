"""Which images are worth a message."""

import pytest

from imagecache.clock import HOUR
from imagecache.model.image import FailureReason, ImageRecord, ImageStatus
from imagecache.rules.retries import NEVER
from imagecache.usecases.caching.queue_images import earns_another_try, needs_work

NOW = 1_800_000_000_000
PENDING, CACHED, FAILED, FORGOTTEN = ImageStatus


def row(status: ImageStatus, **times: int) -> ImageRecord:
    return ImageRecord(image_key="a/b", status=status, **times)  # type: ignore[arg-type] # numbers only


@pytest.mark.parametrize(
    ("record", "needed"),
    [
        (None, True),
        (row(PENDING, queued_at=NOW - 3 * HOUR + 1), False),
        (row(PENDING, queued_at=NOW - 3 * HOUR), True),
        (row(FAILED, next_attempt_at=NOW), True),
        (row(FAILED, next_attempt_at=NOW, queued_at=NOW - HOUR), False),
        (row(FAILED, next_attempt_at=NEVER), False),
        (row(CACHED), False),
        (row(FORGOTTEN), False),
    ],
)
def test_an_image_is_queued_only_while_no_live_message_waits_for_it(
    record: ImageRecord | None, needed: bool
) -> None:
    assert needs_work(record, NOW) is needed


GONE = row(FAILED, next_attempt_at=NEVER)._replace(source_url="mxc://a/b", reason=FailureReason.GONE)


@pytest.mark.parametrize(
    ("record", "url", "earned"),
    [
        (GONE, "file:///media/a/b", True),
        (GONE, "/media/a/b", True),
        (GONE, "mxc://a/b", False),
        (GONE._replace(source_url="file:///media/a/b"), "file:///media/a/b", False),
        (GONE._replace(reason=FailureReason.UNDECODABLE), "file:///media/a/b", False),
        (GONE._replace(status=PENDING), "file:///media/a/b", False),
        (None, "file:///media/a/b", False),
    ],
)
def test_only_an_image_that_was_gone_and_is_on_disk_now_earns_another_try(
    record: ImageRecord | None, url: str, earned: bool
) -> None:
    assert earns_another_try(record, url) is earned
