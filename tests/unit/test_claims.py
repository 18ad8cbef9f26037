"""The table of answers to a claim, row by row (design: at most one download per image)."""

import pytest

from imagecache.clock import DAY, HOUR
from imagecache.model.image import ImageStatus
from imagecache.rules.retries import NEVER
from imagecache.stores.images.claims import Answer, answer_to_claim, new_lease
from imagecache.stores.images.row import RowState, lease_ends_at

NOW = 1_800_000_000_000
LIVE = new_lease(now=NOW - 1000, seconds=90, nonce="other")
LAPSED = new_lease(now=NOW - 91_000, seconds=90, nonce="other")
PENDING, CACHED, FAILED, FORGOTTEN = ImageStatus

ROWS = [
    ("no row", None, Answer.WON),
    ("pending without a lease", RowState(PENDING, queued_at=NOW), Answer.WON),
    ("pending with a lapsed lease", RowState(PENDING, lease=LAPSED), Answer.WON),
    ("pending with a live lease", RowState(PENDING, lease=LIVE), Answer.HELD),
    ("failed and due", RowState(FAILED, next_attempt_at=NOW), Answer.WON),
    ("failed and due, worked on", RowState(FAILED, lease=LIVE, next_attempt_at=NOW), Answer.HELD),
    ("failed, not yet due", RowState(FAILED, next_attempt_at=NOW + 1), Answer.NOT_DUE),
    ("failed for good", RowState(FAILED, next_attempt_at=NEVER), Answer.DONE),
    ("cached", RowState(CACHED, checked_at=NOW - DAY), Answer.DONE),
    (
        "refresh wanted",
        RowState(CACHED, checked_at=NOW - DAY, refresh_requested_at=NOW - HOUR),
        Answer.WON,
    ),
    (
        "refresh wanted, worked on",
        RowState(CACHED, lease=LIVE, checked_at=NOW - DAY, refresh_requested_at=NOW - HOUR),
        Answer.HELD,
    ),
    ("refreshed", RowState(CACHED, checked_at=NOW, refresh_requested_at=NOW - HOUR), Answer.DONE),
    ("found unchanged", RowState(CACHED, checked_at=NOW), Answer.DONE),
    ("forgotten", RowState(FORGOTTEN), Answer.DONE),
    ("forgotten while worked on", RowState(FORGOTTEN, lease=LIVE), Answer.DONE),
]


@pytest.mark.parametrize(("row", "answer"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_claim_is_answered_as_the_table_says(row: RowState | None, answer: Answer) -> None:
    assert answer_to_claim(row, NOW) is answer


def test_a_lease_ends_when_it_says() -> None:
    assert lease_ends_at(LIVE) == NOW - 1000 + 90_000
