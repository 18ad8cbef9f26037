"""Which images are worth a message."""

import pytest

from imagecache.clock import HOUR
from imagecache.model import ImageStatus
from imagecache.retries import NEVER
from imagecache.stores.image_row import RowState
from imagecache.usecases.request_images import needs_work

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
