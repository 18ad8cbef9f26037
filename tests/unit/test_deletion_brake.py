"""Deleting is stopped only when it would be both many and a large share."""

import pytest

from imagecache.rules.deletion_brake import is_too_much


@pytest.mark.parametrize(
    ("count", "of", "too_much"),
    [
        (10, 10, False),  # all of a few
        (11, 55, False),  # exactly a fifth
        (11, 54, True),
        (1000, 5000, False),
        (1001, 5000, True),
        (0, 0, False),
    ],
)
def test_only_many_that_are_also_a_large_share_are_too_much(count: int, of: int, too_much: bool) -> None:
    assert is_too_much(count, of=of, more_than=10, share=0.2) is too_much


def test_exactly_the_share_is_not_too_much_whatever_floating_point_makes_of_it() -> None:
    for fifth in range(1, 2000):
        assert not is_too_much(fifth, of=5 * fifth, more_than=0, share=0.2)
        assert is_too_much(fifth, of=5 * fifth - 1, more_than=0, share=0.2)
