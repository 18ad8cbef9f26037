"""Every function answers its events as it would be uploaded: the result of `sam build`, in Lambda's runtime.

AWS's Runtime Interface Emulator runs it, on the tables, the bucket and the queues of the embedded engine.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from demo.dex import FakeDex
from demo.listener import Listener
from demo.service import DemoAccount
from local.engine import REGION, running_engine
from local.template import ROOT
from tests.artifacts.emulator import emulator
from tests.settings import ENVIRONMENT, template_settings
from tests.tables import create_tables
from tests.template.test_events import FUNCTIONS

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform != "linux", reason="the Runtime Interface Emulator runs on Linux only"),
]

# Event and function → what the answer is, or for an object which keys and values it has among others.
ANSWERS: dict[tuple[str, str], dict[str, Any] | None] = {
    ("chats", "ReadFunction"): {"statusCode": 200},
    ("forget", "AdminFunction"): {"statusCode": 404},  # no such image
    ("images", "CacherFunction"): {"batchItemFailures": []},
    ("job", "CleanupFunction"): {"skipped": "JobOverError"},  # no such job
    ("job", "JobsFunction"): None,
    ("job", "SyncFunction"): {"skipped": "JobOverError"},
    ("schedule", "CleanupFunction"): {"status": "done"},
    ("schedule", "ContactsFunction"): {"outcome": "ok"},
    ("schedule", "SyncFunction"): {"outcome": "ok"},
}
TABLES = ("BeeperChatsTable", "ChatParticipantsTable", "CachedImagesTable", "ContactsTable", "SyncStateTable")


@dataclass(frozen=True, slots=True)
class Lambda:
    """Runs the built functions with these settings."""

    build: Path
    template: dict[str, Any]
    layers: dict[str, Path]
    folder: Path
    settings: dict[str, str]

    def answers(self, function: str, *events: str) -> list[Any]:
        """Returns the function's answers to the events, which it gets one after the other."""
        properties = self.template["Resources"][function]["Properties"]
        used = [*self.template["Globals"]["Function"]["Layers"], *properties.get("Layers", [])]
        layers = [self.layers[layer["Ref"]] for layer in used]
        settings = template_settings(self.template, function) | self.settings
        code = (self.build / properties["CodeUri"]).resolve()
        with emulator(code, layers, self.folder, settings) as running:
            return [
                running.invoke(json.loads((ROOT / "events" / f"{name}.json").read_text())) for name in events
            ]


@pytest.fixture(scope="module")
def runtime(
    build: Path,
    template: dict[str, Any],
    host_layers: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lambda]:
    folder = tmp_path_factory.mktemp("lambda")
    dex = Listener(0, FakeDex([], key="d3x"))
    dex.start()
    with running_engine(folder / "engine") as engine, DemoAccount(scale=0.01) as demo:
        create_tables(boto3.client("dynamodb", **engine.access), *TABLES)
        boto3.client("s3", **engine.access).create_bucket(
            Bucket="images", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        sqs = boto3.client("sqs", **engine.access)
        ssm = boto3.client("ssm", **engine.access)
        secrets = {"beeper-token": demo.beeper_token, "read-token": "r3ad", "admin-token": "4dmin"}
        for name, value in (secrets | {"dex-api-key": "d3x"}).items():
            ssm.put_parameter(Name=f"/imagecache/{name}", Value=value, Type="SecureString")
        settings = {
            **ENVIRONMENT,
            **engine.environment,
            "AWS_REGION": REGION,
            "IMAGES_QUEUE_URL": sqs.create_queue(QueueName="images")["QueueUrl"],
            "SYNC_REQUESTS_QUEUE_URL": sqs.create_queue(QueueName="sync-requests")["QueueUrl"],
            "DEAD_LETTER_QUEUE_URL": sqs.create_queue(QueueName="dead")["QueueUrl"],
            "BEEPER_URL": demo.beeper_url,
            "DEX_URL": dex.url,
            "DEX_API_KEY_PARAMETER": "/imagecache/dex-api-key",
        }
        yield Lambda(build, template, host_layers, folder, settings)
    dex.stop()


def test_every_event_has_an_answer() -> None:
    assert {(name, function) for name, functions in FUNCTIONS.items() for function in functions} == set(
        ANSWERS
    )


@pytest.mark.parametrize("function", sorted({function for _, function in ANSWERS}))
def test_a_built_function_answers_its_events_in_lambdas_runtime(runtime: Lambda, function: str) -> None:
    expected = {name: answer for (name, called), answer in ANSWERS.items() if called == function}

    for wanted, answer in zip(expected.values(), runtime.answers(function, *expected), strict=True):
        assert answer == (wanted and answer | wanted)
