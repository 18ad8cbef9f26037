"""One row for each origin limits all workers: to its pace, and to no request while it is down."""

import random

import pytest

from imagecache.errors import OriginClosedError
from imagecache.model.image import OriginName
from imagecache.stores.state.circuits import Cause, OpenCircuit, OriginCircuits, Permit
from tests.integration.conftest import NOW, Stack

MEDIA = OriginName.MEDIA_SERVER
BEEPER = OriginName.BEEPER
MINUTE = 60_000


def acquire(stack: Stack, origin: OriginName = BEEPER) -> Permit:
    return stack.circuits.acquire(origin, now=stack.now)


def closed_until(stack: Stack, origin: OriginName = BEEPER) -> int:
    with pytest.raises(OriginClosedError) as caught:
        acquire(stack, origin)
    return caught.value.until


def most_in_a_minute(moments: list[int]) -> int:
    """Returns the most moments in any 60 s that begin with one of them."""
    moments = sorted(moments)
    return max(sum(start <= other <= start + MINUTE for other in moments) for start in moments)


@pytest.mark.parametrize("seed", range(3))
def test_no_sixty_seconds_see_more_than_ninety_requests(stack: Stack, seed: int) -> None:
    """However they come: many at once, a few at a time, or many again after a pause."""
    dice = random.Random(seed)
    moments: list[int] = []
    while len(moments) < 250:
        try:
            moments.append(acquire(stack, MEDIA).at)
        except OriginClosedError as closed:
            stack.now = closed.until - 10_000  # slots are given ten seconds ahead
        stack.now += dice.choice([0, 0, 0, 1, 700, 3_000 if seed else 0, 61_000 if seed == 2 else 0])
    assert most_in_a_minute(moments) <= 90


def test_four_hundred_images_take_less_than_five_minutes_at_that_pace(stack: Stack) -> None:
    permits = 0
    while permits < 400:
        try:
            last = acquire(stack, MEDIA).at
            permits += 1
        except OriginClosedError as closed:
            stack.now = closed.until
    assert last - NOW < 5 * MINUTE


def test_a_slot_in_a_distant_future_is_ignored(stack: Stack) -> None:
    stack.now += 365 * 24 * 60 * MINUTE
    acquire(stack, MEDIA)
    stack.now = NOW
    assert acquire(stack, MEDIA).at == NOW


def test_beeper_itself_has_no_pace(stack: Stack) -> None:
    assert {acquire(stack).at for _ in range(200)} == {NOW}


@pytest.mark.parametrize(
    ("cause", "retry_after", "wait"),
    [
        (Cause.BUSY, None, MINUTE),
        (Cause.BUSY, 120, 2 * MINUTE),
        (Cause.UNAUTHORIZED, None, 15 * MINUTE),
        (Cause.OUTAGE, None, MINUTE),
    ],
)
def test_an_open_circuit_refuses_every_request_until_its_time_is_over(
    stack: Stack, cause: Cause, retry_after: int | None, wait: int
) -> None:
    assert stack.circuits.open(BEEPER, cause, now=NOW, retry_after=retry_after) == NOW + wait
    assert closed_until(stack) == NOW + wait
    assert acquire(stack, MEDIA).origin is MEDIA


def test_after_that_time_one_probe_is_allowed_and_its_success_closes_the_circuit(stack: Stack) -> None:
    stack.now = stack.circuits.open(BEEPER, Cause.OUTAGE, now=NOW)
    probe = acquire(stack)
    assert closed_until(stack) == stack.now + 30_000
    stack.circuits.succeeded(probe)
    assert acquire(stack) == Permit(BEEPER, stack.now)


def test_a_probe_without_an_outcome_is_followed_by_another(stack: Stack) -> None:
    stack.now = stack.circuits.open(BEEPER, Cause.OUTAGE, now=NOW)
    acquire(stack)
    stack.now += 30_000
    assert acquire(stack).opened_until


def test_each_failed_probe_doubles_the_wait_up_to_a_quarter_of_an_hour(stack: Stack) -> None:
    waits = []
    probe = 0
    for _ in range(6):
        until = stack.circuits.open(BEEPER, Cause.OUTAGE, now=stack.now, probe=probe)
        waits.append((until - stack.now) // MINUTE)
        stack.now = until
        probe = acquire(stack).opened_until
    assert waits == [1, 2, 4, 8, 15, 15]


def test_many_who_see_the_same_outage_open_the_circuit_once(stack: Stack) -> None:
    first = stack.circuits.open(BEEPER, Cause.OUTAGE, now=NOW)
    assert [stack.circuits.open(BEEPER, Cause.OUTAGE, now=NOW + 5) for _ in range(3)] == [first] * 3


def test_an_answer_from_before_does_not_close_a_circuit(stack: Stack) -> None:
    early = acquire(stack)
    until = stack.circuits.open(BEEPER, Cause.BUSY, now=NOW)
    stack.circuits.succeeded(early)
    assert closed_until(stack) == until


def test_an_answer_that_arrives_after_all_ends_an_outage(stack: Stack) -> None:
    early = acquire(stack)
    stack.circuits.open(BEEPER, Cause.OUTAGE, now=NOW)
    stack.circuits.succeeded(early)
    assert acquire(stack) == Permit(BEEPER, NOW)


def not_served(stack: Stack, *image_keys: str) -> list[int]:
    """Returns for how long (ms) each image in a row has opened the circuit; 0 if it has not."""
    ends = [stack.circuits.not_served(acquire(stack), key, "status 503", now=stack.now) for key in image_keys]
    return [end and end - stack.now for end in ends]


def test_three_different_images_in_a_row_that_are_not_served_open_the_circuit(stack: Stack) -> None:
    assert not_served(stack, "a", "b") == [0, 0]
    stack.circuits.succeeded(acquire(stack))
    assert not_served(stack, "a", "b", "c") == [0, 0, MINUTE]


def test_one_image_that_is_never_served_opens_no_circuit(stack: Stack) -> None:
    assert not_served(stack, *["bad"] * 9, "other") == [0] * 10


def test_a_probe_that_is_not_served_opens_the_circuit_again_for_longer(stack: Stack) -> None:
    not_served(stack, "a", "b", "c")
    stack.now += MINUTE
    assert not_served(stack, "d") == [2 * MINUTE]
    stack.now += 2 * MINUTE
    stack.circuits.succeeded(acquire(stack))
    assert not_served(stack, "a", "b") == [0, 0]


def test_an_open_circuit_says_why_it_is_open(stack: Stack) -> None:
    assert stack.circuits.open_circuits(now=NOW) == []
    not_served(stack, "a", "b", "c")
    stack.circuits.open(MEDIA, Cause.BUSY, "status 429", now=NOW)
    assert stack.circuits.open_circuits(now=NOW) == [
        OpenCircuit(BEEPER, NOW + MINUTE, Cause.OUTAGE, "status 503"),
        OpenCircuit(MEDIA, NOW + MINUTE, Cause.BUSY, "status 429"),
    ]
    assert stack.circuits.open_circuits(now=NOW + MINUTE) == []


def test_a_check_takes_a_slot_of_the_pace_and_never_waits_for_one(stack: Stack) -> None:
    assert [stack.circuits.take_slot_now(MEDIA, now=NOW) for _ in range(11)] == [True] * 10 + [False]
    assert acquire(stack, MEDIA).at == NOW + 750
    assert all(stack.circuits.take_slot_now(BEEPER, now=NOW) for _ in range(20))


def test_another_process_sees_the_same_circuit(stack: Stack) -> None:
    stack.circuits.open(BEEPER, Cause.UNAUTHORIZED, now=NOW)
    other = OriginCircuits(table_name="SyncStateTable", dynamodb=stack.dynamodb)
    with pytest.raises(OriginClosedError):
        other.acquire(BEEPER, now=NOW)


def test_a_closed_circuit_is_read_once_a_second(stack: Stack) -> None:
    acquire(stack)
    other = OriginCircuits(table_name="SyncStateTable", dynamodb=stack.dynamodb)
    until = other.open(BEEPER, Cause.OUTAGE, now=NOW)
    stack.now += 999
    assert acquire(stack) == Permit(BEEPER, stack.now)
    stack.now += 1
    assert closed_until(stack) == until


def test_successful_requests_cost_no_write(stack: Stack) -> None:
    for _ in range(5):
        stack.circuits.succeeded(acquire(stack))
    assert stack.writes() == []
