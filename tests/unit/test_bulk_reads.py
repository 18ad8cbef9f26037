"""A scan of a whole table reads the next page while the caller works on one."""

import threading
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from imagecache.errors import StoreUnavailableError
from imagecache.stores.bulk_reads import all_items


class Table:
    """Has `pages` pages with one item each. `asked` has an event for each, which its request sets."""

    def __init__(self, pages: int, *, fails_at: int | None = None) -> None:
        self.asked = [Event() for _ in range(pages)]
        self._fails_at = fails_at

    def scan(self, **request: Any) -> dict[str, Any]:
        number = int(request.get("ExclusiveStartKey", {}).get("a", {}).get("N", 0))
        self.asked[number].set()
        if number == self._fails_at:
            raise EndpointConnectionError(endpoint_url="http://dynamodb")
        key = {"a": {"N": str(number + 1)}}
        is_last = number + 1 == len(self.asked)
        return {"Items": [key]} if is_last else {"Items": [key], "LastEvaluatedKey": key}


def items_of(table: Table) -> Any:
    dynamodb: Any = table
    return all_items(dynamodb, table_name="t", attributes=["a"])


@pytest.mark.parametrize("pages", [1, 2, 4])
def test_all_items_are_yielded_in_order(pages: int) -> None:
    assert [item["a"]["N"] for item in items_of(Table(pages))] == [str(n + 1) for n in range(pages)]


def test_the_next_page_is_requested_while_the_caller_works_on_one_and_no_further_one() -> None:
    table = Table(3)
    items = items_of(table)
    next(items)
    assert table.asked[1].wait(10)
    assert not table.asked[2].is_set()


def test_an_error_of_a_later_page_is_raised_after_the_items_before_it() -> None:
    items = items_of(Table(2, fails_at=1))
    assert next(items) == {"a": {"N": "1"}}
    with pytest.raises(StoreUnavailableError):
        next(items)


def test_no_thread_is_left_if_the_caller_stops_early() -> None:
    before = threading.active_count()
    items = items_of(Table(3))
    next(items)
    items.close()
    assert threading.active_count() == before
