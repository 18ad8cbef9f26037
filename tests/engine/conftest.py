"""The real engine, in folders of its own, holding a stack with one of each thing (`small/`)."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.deploy import DeployedStack
from local.engine import Engine, running_engine
from local.stack import local_stack
from tests.integration.conftest import TABLES, Stack
from tests.tables import create_tables

SMALL = Path(__file__).parent / "small"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedStack]:
    """A running stack for tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("small")
    with local_stack(
        folder, template=SMALL / "template.yaml", builds=folder / "builds", name="small"
    ) as stack:
        yield stack


@pytest.fixture(scope="session")
def engine_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine with the tables and the image bucket, and nothing deployed."""
    with running_engine(tmp_path_factory.mktemp("tables")) as engine:
        create_tables(boto3.client("dynamodb", **engine.access), *TABLES)
        s3: Any = boto3.client("s3", **engine.access)
        s3.create_bucket(Bucket="images", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield engine


@pytest.fixture
def stack(engine_with_tables: Engine) -> Stack:
    """Empty tables, and everything that works on them: where moto would take too long."""
    access = engine_with_tables.access
    dynamodb: Any = boto3.client("dynamodb", **access)
    for name in ("CachedImagesTable", "SyncStateTable"):
        dynamodb.delete_table(TableName=name)
        create_tables(dynamodb, name)
    sqs: Any = boto3.client("sqs", **access)
    return Stack(
        dynamodb, boto3.client("s3", **access), sqs, sqs.create_queue(QueueName="images")["QueueUrl"]
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the small stack's source, to be changed."""
    shutil.copytree(SMALL, tmp_path / "source")
    return tmp_path / "source"


@pytest.fixture
def start(tmp_path: Path, source: Path) -> Callable[[], AbstractContextManager[DeployedStack]]:
    """Start a stack of one's own, in the same folder each time."""
    return partial(
        local_stack,
        tmp_path / "stack",
        template=source / "template.yaml",
        builds=tmp_path / "builds",
        name="own",
    )


def seen(stack: DeployedStack) -> set[str]:
    """Returns the names of the rows in the stack's table."""
    return set(rows(stack))


def rows(stack: DeployedStack) -> dict[str, dict[str, Any]]:
    """Returns name → row of the stack's table."""
    dynamodb = boto3.client("dynamodb", **stack.engine.access)
    items = dynamodb.scan(TableName=stack.outputs["SeenTable"], ConsistentRead=True)["Items"]
    return {item["name"]["S"]: item for item in items}


def wait_for(expected: set[str], stack: DeployedStack) -> None:
    """Waits until the stack's table has all these rows. The limit is for a busy machine: it takes seconds."""
    deadline = time.monotonic() + 120
    while not expected <= (names := seen(stack)):
        assert time.monotonic() < deadline, f"missing: {expected - names}"
        time.sleep(0.05)
