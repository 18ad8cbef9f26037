"""The table of answers to a claim, row by row (design: at most one download per image)."""

import pytest

from imagecache.claims import (
    DAY,
    HOUR,
    NEVER,
    Answer,
    RowState,
    answer_to_claim,
    bad_bytes,
    deferral,
    failed_before,
    lease_ends_at,
    may_wait,
    needs_work,
    new_lease,
    next_attempt_at,
)
from imagecache.model import FailureReason, ImageRequest, ImageStatus

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
    due = 6 * HOUR
    remembered = bad_bytes("abc", 0)
    assert failed_before(remembered, "abc", due)
    assert next_attempt_at(FailureReason.UNDECODABLE, failures=2, now=due, jitter=0, hopeless=True) == NEVER


@pytest.mark.parametrize("remembered", [None, bad_bytes("other", 0), bad_bytes("abc", 6 * HOUR - 1)])
def test_other_bytes_or_the_same_a_moment_ago_do_not_count_as_the_second_failure(
    remembered: str | None,
) -> None:
    assert not failed_before(remembered, "abc", 6 * HOUR)


def test_the_wish_of_an_origin_is_honoured_when_it_is_longer_than_ours() -> None:
    wish = 9 * HOUR
    assert next_attempt_at(FailureReason.ORIGIN_DOWN, failures=1, now=0, jitter=0, not_before=wish) == wish
    assert next_attempt_at(FailureReason.GONE, failures=1, now=0, jitter=0, not_before=wish) == DAY


def test_a_message_waits_longer_each_time_but_never_longer_than_sqs_can() -> None:
    waits = [deferral(until=0, deferrals=n, now=0, jitter=0) for n in range(6)]
    assert waits == [60_000, 120_000, 240_000, 480_000, 900_000, 900_000]
    assert deferral(until=HOUR, deferrals=0, now=0, jitter=1) == 900_000
    assert deferral(until=200_000, deferrals=0, now=0, jitter=1) == 250_000


@pytest.mark.parametrize(
    ("deferrals", "failures", "waited", "expected"),
    [
        (0, 0, 0, True),
        (7, 0, 2 * HOUR - 1, True),
        (8, 0, 0, False),
        (0, 0, 2 * HOUR, False),
        (0, 1, 0, False),
    ],
)
def test_a_message_waits_at_most_eight_times_or_two_hours_and_only_before_the_first_failure(
    deferrals: int, failures: int, waited: int, expected: bool
) -> None:
    request = ImageRequest("k", "mxc://a/k", 0, deferrals)
    assert may_wait(request, failures=failures, now=waited) is expected


@pytest.mark.parametrize(
    "reason",
    [FailureReason.REFUSED, FailureReason.UNSUPPORTED, FailureReason.TOO_LARGE, FailureReason.CRASHED],
)
def test_what_trying_again_cannot_mend_is_final(reason: FailureReason) -> None:
    assert next_attempt_at(reason, failures=1, now=0, jitter=0) == NEVER


def test_jitter_spreads_the_tries_over_a_quarter_of_the_wait() -> None:
    assert next_attempt_at(FailureReason.ORIGIN_DOWN, failures=1, now=NOW, jitter=0) == NOW + 10 * 60_000
    assert next_attempt_at(FailureReason.ORIGIN_DOWN, failures=1, now=NOW, jitter=1) == NOW + 12.5 * 60_000
