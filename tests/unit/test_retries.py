"""Tests of the rules of waiting: when a failed image is tried again, and how long a message waits."""

import pytest

from imagecache.clock import DAY, HOUR
from imagecache.model.image import BadBytes, Failure, FailureReason, ImageMessage
from imagecache.rules.failure_reasons import FAILURES
from imagecache.rules.retries import NEVER, deferral, may_wait, next_attempt_at, next_failure

NOW = 1_800_000_000_000
FINAL = [reason for reason, meaning in FAILURES.items() if meaning.retry is None]


def undecodable(
    content: bytes, *, now: int, failures_before: int = 0, bad_bytes_before: BadBytes | None = None
) -> Failure:
    return next_failure(
        FailureReason.UNDECODABLE,
        failures_before=failures_before,
        bad_bytes_before=bad_bytes_before,
        content=content,
        not_before=0,
        now=now,
        jitter=0,
    )


def test_an_image_that_is_gone_is_asked_for_again_soon_and_then_less_and_less_up_to_every_30_days() -> None:
    waits = [
        next_attempt_at(FailureReason.GONE, failures=failures, now=0, jitter=0) for failures in range(1, 11)
    ]
    days = [days * DAY for days in (1, 2, 4, 8, 16, 30, 30)]
    assert waits == [HOUR // 6, HOUR, 6 * HOUR, *days]


def test_an_image_that_is_not_served_is_asked_for_again_after_minutes_and_at_last_every_day() -> None:
    waits = [
        next_attempt_at(FailureReason.NOT_SERVED, failures=failures, now=0, jitter=0)
        for failures in range(1, 6)
    ]
    assert waits == [HOUR // 6, HOUR, 6 * HOUR, DAY, DAY]


def test_an_image_that_is_refused_is_asked_for_again_after_hours_and_at_last_every_30_days() -> None:
    waits = [
        next_attempt_at(FailureReason.REFUSED, failures=number, now=0, jitter=0) for number in range(1, 10)
    ]
    days = [days * DAY for days in (1, 2, 4, 8, 16, 30, 30)]
    assert waits == [6 * HOUR, 12 * HOUR, *days]


def test_the_wait_for_an_origin_that_is_down_doubles_up_to_six_hours() -> None:
    waits = [
        next_attempt_at(FailureReason.ORIGIN_DOWN, failures=failures, now=0, jitter=0)
        for failures in range(1, 9)
    ]
    assert [wait // 60_000 for wait in waits] == [10, 20, 40, 80, 160, 320, 360, 360]


def test_undecodable_bytes_get_a_second_chance_hours_later_and_no_third() -> None:
    first = undecodable(b"broken", now=0)
    assert (first.reason, first.failed_at, first.next_attempt_at) == ("undecodable", 0, 6 * HOUR)
    again = undecodable(b"broken", now=6 * HOUR, failures_before=1, bad_bytes_before=first.bad_bytes)
    assert again.next_attempt_at == NEVER


@pytest.mark.parametrize(
    ("content", "failed_at"), [(None, 0), (b"other", 0), (b"broken", 6 * HOUR - 1), (b"broken", 5 * HOUR + 1)]
)
def test_other_bytes_or_the_same_less_than_an_hour_ago_do_not_count_as_the_second_failure(
    content: bytes | None, failed_at: int
) -> None:
    remembered = undecodable(content, now=failed_at).bad_bytes if content else None
    now = 6 * HOUR
    again = undecodable(b"broken", now=now, failures_before=1, bad_bytes_before=remembered)
    assert again.next_attempt_at == now + 12 * HOUR
    assert again.bad_bytes == undecodable(b"broken", now=now).bad_bytes


def test_only_bytes_that_cannot_be_decoded_are_remembered() -> None:
    failure = next_failure(
        FailureReason.UNSUPPORTED,
        failures_before=0,
        bad_bytes_before=None,
        content=b"<svg/>",
        not_before=0,
        now=5,
        jitter=0,
    )
    assert failure == Failure(FailureReason.UNSUPPORTED, failed_at=5, next_attempt_at=NEVER)


def test_no_attempt_is_made_before_the_time_that_the_origin_asked_for() -> None:
    not_before = 9 * HOUR
    assert (
        next_attempt_at(FailureReason.ORIGIN_DOWN, failures=1, now=0, jitter=0, not_before=not_before)
        == not_before
    )
    assert next_attempt_at(FailureReason.GONE, failures=4, now=0, jitter=0, not_before=not_before) == DAY
    assert (
        next_attempt_at(FailureReason.REFUSED, failures=1, now=0, jitter=0, not_before=not_before)
        == not_before
    )


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
    request = ImageMessage("k", "mxc://a/k", 0, deferrals)
    assert may_wait(request, failures=failures, now=waited) is expected


@pytest.mark.parametrize("reason", FINAL)
def test_a_reason_without_a_retry_policy_is_final(reason: FailureReason) -> None:
    assert next_attempt_at(reason, failures=1, now=0, jitter=0) == NEVER


def test_jitter_spreads_the_tries_over_a_quarter_of_the_wait() -> None:
    assert next_attempt_at(FailureReason.ORIGIN_DOWN, failures=1, now=NOW, jitter=0) == NOW + 10 * 60_000
    assert next_attempt_at(FailureReason.ORIGIN_DOWN, failures=1, now=NOW, jitter=1) == NOW + 12.5 * 60_000


@pytest.mark.parametrize("failures", [1, 2, 9])
def test_a_crash_is_never_for_good_but_tried_again_after_30_days(failures: int) -> None:
    assert next_attempt_at(FailureReason.CRASHED, failures=failures, now=NOW, jitter=0) == NOW + 30 * DAY
