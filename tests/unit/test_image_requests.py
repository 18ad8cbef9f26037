"""Which images are worth a message."""

from dataclasses import replace

import pytest

from imagecache.clock import HOUR
from imagecache.model.image import ImageStatus
from imagecache.rules.retries import NEVER
from imagecache.stores.images.row import RowState
from imagecache.usecases.caching.queue_images import earns_another_try, needs_work

NOW = 1_800_000_000_000
PENDING, CACHED, FAILED, FORGOTTEN = ImageStatus


@pytest.mark.parametrize(
    ("row", "needed"),
    [
        (None, True),
        (RowState(PENDING, queued_at=NOW - 3 * HOUR + 1), False),
        (RowState(PENDING, queued_at=NOW - 3 * HOUR), True),
        (RowState(FAILED, next_attempt_at=NOW), True),
        (RowState(FAILED, next_attempt_at=NOW, queued_at=NOW - HOUR), False),
        (RowState(FAILED, next_attempt_at=NEVER), False),
        (RowState(CACHED), False),
        (RowState(FORGOTTEN), False),
    ],
)
def test_an_image_is_queued_only_while_no_live_message_waits_for_it(
    row: RowState | None, needed: bool
) -> None:
    assert needs_work(row, NOW) is needed


GONE = RowState(FAILED, next_attempt_at=NEVER, source_url="mxc://a/b", reason="gone")


@pytest.mark.parametrize(
    ("row", "url", "earned"),
    [
        (GONE, "file:///media/a/b", True),
        (GONE, "/media/a/b", True),
        (GONE, "mxc://a/b", False),
        (replace(GONE, source_url="file:///media/a/b"), "file:///media/a/b", False),
        (replace(GONE, reason="undecodable"), "file:///media/a/b", False),
        (replace(GONE, status=PENDING), "file:///media/a/b", False),
        (None, "file:///media/a/b", False),
    ],
)
def test_only_what_was_gone_and_now_lies_on_disk_earns_another_try(
    row: RowState | None, url: str, earned: bool
) -> None:
    assert earns_another_try(row, url) is earned
