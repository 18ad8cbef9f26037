"""Counts as CloudWatch takes them from the log."""

import json

import pytest

from imagecache.metrics import put_counts


def test_counts_are_one_line_with_the_stack_as_the_only_dimension(capsys: pytest.CaptureFixture[str]) -> None:
    put_counts({"ImagesCached": 3, "ImagesFailed": 1}, service="my-stack")
    [line] = capsys.readouterr().out.splitlines()
    printed = json.loads(line)
    [definition] = printed["_aws"]["CloudWatchMetrics"]
    assert definition["Namespace"] == "imagecache"
    assert definition["Dimensions"] == [["service"]]
    assert {metric["Name"]: metric["Unit"] for metric in definition["Metrics"]} == {
        "ImagesCached": "Count",
        "ImagesFailed": "Count",
    }
    assert (printed["service"], printed["ImagesCached"], printed["ImagesFailed"]) == ("my-stack", [3], [1])


def test_no_counts_are_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    put_counts({}, service="my-stack")
    assert capsys.readouterr().out == ""


def test_one_call_says_nothing_of_another(capsys: pytest.CaptureFixture[str]) -> None:
    put_counts({"ImagesCached": 3}, service="one")
    put_counts({"ImagesFailed": 1}, service="two")
    _, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (second["service"], "ImagesCached" in second) == ("two", False)
