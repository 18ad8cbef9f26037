"""The table of answers to a claim, row by row (design: at most one download per image)."""

import pytest

from imagecache.claims import (
    DAY,
    HOUR,
    NEVER,
    Answer,
    RowState,
    answer_to_claim,
    lease_ends_at,
    needs_work,
    new_lease,
    next_attempt_at,
)
from imagecache.model import FailureReason, ImageStatus

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
    ("forgotten", RowState(FORGOTTEN), Answer.DONE),
    ("forgotten while worked on", RowState(FORGOTTEN, lease=LIVE), Answer.DONE),
]


@pytest.mark.parametrize(("row", "answer"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_claim_is_answered_as_the_table_says(row: RowState | None, answer: Answer) -> None:
    assert answer_to_claim(row, NOW) is answer


def test_a_lease_ends_when_it_says() -> None:
    assert lease_ends_at(LIVE) == NOW - 1000 + 90_000


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


def test_an_image_that_is_gone_is_asked_for_ever_more_rarely() -> None:
    waits = [
        next_attempt_at(FailureReason.GONE, failures=failures, now=0, jitter=0) for failures in range(1, 8)
    ]
    assert [wait // DAY for wait in waits] == [1, 2, 4, 8, 16, 30, 30]


def test_undecodable_bytes_get_a_second_chance_hours_later_and_no_third() -> None:
    assert next_attempt_at(FailureReason.UNDECODABLE, failures=1, now=0, jitter=0) == 6 * HOUR
    assert next_attempt_at(FailureReason.UNDECODABLE, failures=2, now=0, jitter=0) == NEVER


@pytest.mark.parametrize(
    "reason",
    [FailureReason.REFUSED, FailureReason.UNSUPPORTED, FailureReason.TOO_LARGE, FailureReason.CRASHED],
)
def test_what_trying_again_cannot_mend_is_final(reason: FailureReason) -> None:
    assert next_attempt_at(reason, failures=1, now=0, jitter=0) == NEVER


def test_jitter_spreads_the_tries_over_a_quarter_of_the_wait() -> None:
    assert next_attempt_at(FailureReason.ORIGIN_DOWN, failures=1, now=NOW, jitter=0) == NOW + 10 * 60_000
    assert next_attempt_at(FailureReason.ORIGIN_DOWN, failures=1, now=NOW, jitter=1) == NOW + 12.5 * 60_000
