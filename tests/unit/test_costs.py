"""The costs that README.md states come from counted requests and one table of prices."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cost, documents, prices
from benchmarks.cost import ONE_PERSON, lines, table
from benchmarks.units import units_of_request

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
RECORDED: dict[str, Any] = json.loads(documents.RESULTS.read_text())["cost"]
ROW = {"chatId": {"S": "x" * 5_000}}


@pytest.mark.parametrize("path", documents.DOCUMENTS, ids=lambda path: path.name)
def test_the_documents_have_the_tables_of_the_recorded_run(path: Path) -> None:
    """After a change of prices or of the month: make bench ONLY=cost, which writes the documents."""
    results = json.loads(documents.RESULTS.read_text())
    assert documents.rendered(path.read_text(), results) == path.read_text()


def test_the_readme_describes_the_month_that_is_counted() -> None:
    text = " ".join(README.split())
    assert f"{RECORDED['chats']} chats" in text
    assert f"{ONE_PERSON.times['sync']:,} syncs" in text
    assert f"{ONE_PERSON.times['pageView']:,} page views" in text


def test_the_month_counts_decryptions_cold_starts_and_a_tab_that_is_left_open() -> None:
    counted = {line.text.partition(":")[0]: line for line in lines(RECORDED["once"], ONE_PERSON)}
    assert counted["KMS"].full > 0
    cold_starts = re.search(r"and ([\d,]+) of cold starts", counted["Lambda"].text)
    assert cold_starts
    assert int(cold_starts[1].replace(",", "")) > 0
    banner = (ROOT / "web/page/banner.js").read_text()
    [interval] = re.findall(r"^const INTERVAL_MS = ([\d_]+);", banner, re.MULTILINE)
    assert ONE_PERSON.times["statusPoll"] == 30 * 8 * 3_600_000 / int(interval)


def test_the_month_counts_a_list_that_is_used_for_an_hour_a_day_and_visible_for_seven_more() -> None:
    def milliseconds(name: str, file: str) -> int:
        text = (ROOT / "web/page" / file).read_text()
        return int(re.findall(rf"const {name} = ([\d_]+);", text)[0])

    used = 3_600_000 / milliseconds("INTERVAL_MS", "live.js")
    unused = 7 * 3_600_000 / milliseconds("LONGEST_WAIT_MS", "waits.js")
    assert ONE_PERSON.times["listPoll"] == 30 * (used + unused)
    assert ONE_PERSON.times["pinnedPoll"] == 30 * 8 * 3_600_000 / milliseconds("PINNED_AGE_MS", "pages.js")


def test_the_readme_computes_what_a_monitor_costs_that_asks_for_health_once_a_minute() -> None:
    """Every request reaches the function, which is warm and reads one row, as for a status."""
    text = " ".join(README.split())
    requests = 30 * 24 * 60
    a_request = (
        prices.CDN_REQUEST.dollars
        + prices.API_REQUEST.dollars
        + prices.FUNCTION_REQUEST.dollars
        + cost.gigabyte_seconds("statusPoll", RECORDED["once"]["statusPoll"]) * prices.GIGABYTE_SECOND.dollars
        + cost.LOG_BYTES_A_REQUEST / 1e9 * prices.LOG_GIGABYTE.dollars
    )
    assert f"adds {requests:,} requests: about ${requests * a_request:.2f} without the allowances." in text


def test_everything_that_happens_in_a_month_was_recorded() -> None:
    assert set(RECORDED["once"]) == set(ONE_PERSON.times)
    assert all(units.get("readUnits") for units in RECORDED["once"].values())
    assert RECORDED["once"]["sync"]["writeUnits"]


def test_the_sum_is_that_of_the_lines_and_allowances_only_reduce_it() -> None:
    counted = lines(RECORDED["once"], ONE_PERSON)
    total = re.findall(r"\*\*\$([\d.]+)\*\*", table(RECORDED["once"]))
    assert [float(dollars) for dollars in total] == [
        pytest.approx(sum(line.full for line in counted), abs=0.005),
        pytest.approx(sum(line.reduced for line in counted), abs=0.005),
    ]
    assert all(line.reduced <= line.full for line in counted)


@pytest.mark.parametrize(
    ("service", "operation", "sent", "answer", "units"),
    [
        ("dynamodb", "GetItem", {}, {}, {"readUnits": 0.5}),
        ("dynamodb", "GetItem", {"ConsistentRead": True}, {"Item": ROW}, {"readUnits": 2}),
        ("dynamodb", "Query", {}, {"Items": [ROW] * 3}, {"readUnits": 2}),
        ("dynamodb", "Query", {}, {"Items": [ROW] * 3, "ScannedCount": 30}, {"readUnits": 18.5}),
        (
            "dynamodb",
            "BatchGetItem",
            {"RequestItems": {"t": {"Keys": [1, 2, 3]}}},
            {"Responses": {"t": [ROW]}},
            {"readUnits": 2},
        ),
        ("dynamodb", "PutItem", {}, {"ConsumedCapacity": {"CapacityUnits": 3}}, {"writeUnits": 3}),
        (
            "dynamodb",
            "BatchExecuteStatement",
            {},
            {"ConsumedCapacity": [{"CapacityUnits": 25}]},
            {"writeUnits": 25},
        ),
        ("sqs", "SendMessageBatch", {}, {}, {"messages": 1}),
        ("s3", "ListObjectVersions", {}, {}, {"objectWrites": 1}),
        ("s3", "GetObject", {}, {}, {"objectReads": 1}),
        ("s3", "DeleteObject", {}, {}, {}),
        ("ssm", "GetParameters", {"WithDecryption": False}, {"Parameters": [1, 2]}, {}),
        ("ssm", "GetParameters", {"WithDecryption": True}, {"Parameters": [1, 2]}, {"decryptions": 2}),
    ],
)
def test_a_request_takes_the_units_that_aws_bills(
    service: str, operation: str, sent: dict[str, Any], answer: dict[str, Any], units: dict[str, float]
) -> None:
    assert units_of_request(service, operation, sent, answer) == units
