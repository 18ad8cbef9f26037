"""The engine parses the projection of a request once, and answers what ministack answers."""

from typing import Any

import pytest
from ministack.services import dynamodb  # type: ignore[import-untyped]

from local.engine_projection import parsing_once

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
