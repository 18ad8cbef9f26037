"""An invocation stops while there is still time to stop in an orderly way."""

import pytest

from imagecache.rules.time_budget import TimeBudget


@pytest.mark.parametrize(
    ("remaining_ms", "left_ms", "used_up"),
    [(900_000, 870_000, False), (30_001, 1, False), (30_000, 0, True), (100, -29_900, True)],
)
def test_a_budget_is_used_up_when_only_its_reserve_is_left(
    remaining_ms: int, left_ms: int, used_up: bool
) -> None:
    budget = TimeBudget(lambda: remaining_ms, reserve_ms=30_000)
    assert (budget.left_ms(), budget.is_used_up()) == (left_ms, used_up)


def test_the_remaining_time_is_asked_for_at_every_check() -> None:
    remaining = iter([50_000, 20_000])
    budget = TimeBudget(lambda: next(remaining), reserve_ms=30_000)
    assert [budget.is_used_up(), budget.is_used_up()] == [False, True]
