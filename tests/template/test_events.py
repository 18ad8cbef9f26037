"""The events in `events/` are what the template's functions are called with."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from imagecache.queues.images import from_body, to_body
from imagecache.rules.source_urls import image_key
from tests.template.translated import Template

ROOT = Path(__file__).parent.parent.parent
EVENTS = ROOT / "events"
FUNCTIONS = {
    "chats": {"ReadFunction"},
    "forget": {"AdminFunction"},
    "images": {"CacherFunction"},
    "job": {"JobsFunction", "SyncFunction", "CleanupFunction"},
    "schedule": {"SyncFunction", "ContactsFunction", "CleanupFunction"},
}


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def functions_with(template: Template, kind: str) -> set[str]:
    """Returns the functions that an event source of this kind calls."""
    return {
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
        for source in resource["Properties"].get("Events", {}).values()
        if source["Type"] == kind
    }


def test_every_event_is_assigned_to_functions_and_every_function_has_one(template: Template) -> None:
    functions = {
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }

    assert {path.stem for path in EVENTS.glob("*.json")} == FUNCTIONS.keys()
    assert set().union(*FUNCTIONS.values()) == functions


def test_the_table_of_the_readme_is_the_assignment() -> None:
    rows = [
        line.split(" | ") for line in (EVENTS / "README.md").read_text().splitlines() if ".json` | `" in line
    ]
    described = {
        row[0].strip("| `").removesuffix(".json"): set(row[1].replace("`", "").split(", ")) for row in rows
    }

    assert described == FUNCTIONS


def test_schedules_call_the_functions_of_the_scheduled_event(template: Template) -> None:
    assert functions_with(template, "ScheduleV2") == FUNCTIONS["schedule"]
    assert event("schedule")["source"] == "aws.scheduler"


def test_the_sqs_event_is_a_message_of_the_queue_that_calls_the_cacher(template: Template) -> None:
    assert functions_with(template, "SQS") == FUNCTIONS["images"]
    [record] = event("images")["Records"]
    message = from_body(record["body"])
    assert image_key(message.source_url) == message.image_key
    assert json.loads(to_body(message)) == json.loads(record["body"])
    assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()  # noqa: S324 - as SQS does
    assert "ImagesQueue" in record["eventSourceARN"]


@pytest.mark.parametrize("name", ["chats", "forget"])
def test_an_api_event_is_of_a_route_of_its_function(template: Template, name: str) -> None:
    [function] = FUNCTIONS[name]
    sources = template["Resources"][function]["Properties"]["Events"].values()
    routes = {f"{source['Properties']['Method']} {source['Properties']['Path']}" for source in sources}
    request = event(name)
    method, path = request["routeKey"].split()
    assert request["routeKey"] in routes
    assert request["version"] == "2.0"
    assert request["rawPath"] == request["requestContext"]["http"]["path"] == path
    assert request["requestContext"]["http"]["method"] == method
    assert request["requestContext"]["routeKey"] == request["routeKey"]
