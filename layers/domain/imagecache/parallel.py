"""Calls a function with many items in parallel."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(do: Callable[[T], R], items: Iterable[T], *, at_once: int) -> list[R]:
    """Calls `do` with each of the items, with up to `at_once` of them at a time.

    Returns the results in the order of the items. Raises the first error of a call.
    """
    pending = list(items)
    if len(pending) < 2:  # Most changes concern one item, for which a thread would only cost time.
        return [do(item) for item in pending]
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(do, pending))
