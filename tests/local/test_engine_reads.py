"""The engine parses a projection once, continues a scan by a search, and answers what ministack answers."""

from typing import Any

import pytest
from ministack.services import dynamodb  # type: ignore[import-untyped]  # it has no types

from local.engine_reads import continuing_by_search, parsing_once

PROJECT: Any = dynamodb._project_item
ROWS: list[dict[str, Any]] = [
    {"a": {"S": "text"}, "b": {"N": "1"}, "dotted.name": {"S": "x"}, "left out": {"BOOL": True}},
    {
        "b": {"NULL": True},
        "list": {"L": [{"M": {"a": {"S": "deep"}}}, {"S": "second"}]},
        "set": {"SS": ["s"]},
    },
    {"left out": {"S": "none of the attributes"}},
]
NAMES = {"#0": "a", "#1": "b", "#2": "list", "#3": "dotted.name", "#4": "set", "#same": "a"}


@pytest.mark.parametrize(
    "expression", ["#0", "#0,#1,#2,#3,#4", " #0 , #1 ", "b, #2", "a", "#2[1]", "#2[0].a, #0", "#0,#unknown"]
)
def test_each_expression_selects_what_ministack_selects(expression: str) -> None:
    project = parsing_once(PROJECT)
    assert [project(row, expression, NAMES) for row in ROWS] == [
        PROJECT(row, expression, NAMES) for row in ROWS
    ]


@pytest.mark.parametrize("expression", ["#0,#same", "#0,#0", "#2,#2[0]", "name"])
def test_an_expression_that_dynamodb_refuses_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="Invalid ProjectionExpression"):
        parsing_once(PROJECT)(ROWS[0], expression, NAMES)


def test_an_expression_is_not_taken_for_the_one_of_another_request() -> None:
    project = parsing_once(PROJECT)
    requests = [("#0", {"#0": "a"}), ("#0", {"#0": "b"}), ("#1", NAMES), ("#0", NAMES), ("a", NAMES)]
    assert [project(ROWS[0], *request) for request in requests] == [
        PROJECT(ROWS[0], *request) for request in requests
    ]


def test_a_list_of_aliases_is_not_parsed_for_each_row() -> None:
    def parse_again(*_: object) -> dict[str, Any]:
        pytest.fail("the function of ministack, which parses, was called")

    project = parsing_once(parse_again)
    assert [project(row, "#0,#1", NAMES) for row in ROWS] == [
        {"a": {"S": "text"}, "b": {"N": "1"}},
        {"b": {"NULL": True}},
        {},
    ]


def test_a_scan_continues_where_ministack_continues_it() -> None:
    keys = [(chat, member) for chat in ("!a", "!b", "!\N{GRINNING FACE}") for member in ("1", "10", "2")]
    rows = [
        {"chat": {"S": chat}, "member": {"N": member}, "name": {"S": "x"}} for chat, member in sorted(keys)
    ]
    places = [*keys, ("!a", "15"), ("", ""), ("!z", "1"), ("!b", "")]
    for table in ({"pk_name": "chat", "sk_name": "member"}, {"pk_name": "chat", "sk_name": None}):
        kept = rows if table["sk_name"] else rows[::3]
        for chat, member in places:
            start = {"chat": {"S": chat}, "member": {"N": member}}
            expected = dynamodb._apply_exclusive_start_key_scan(kept, start, table)
            assert continuing_by_search(dynamodb._extract_key_val)(kept, start, table) == expected


def test_a_scan_looks_at_few_rows_to_find_where_it_continues() -> None:
    looked_at: list[str] = []

    def text_of(key: Any) -> str:
        looked_at.append(key["S"])
        return looked_at[-1]

    rows = [{"name": {"S": f"{number:04}"}} for number in range(1000)]
    rows_after = continuing_by_search(text_of)
    assert rows_after(rows, rows[499], {"pk_name": "name", "sk_name": None}) == rows[500:]
    assert len(looked_at) < 20
