"""Runs template.yaml in the embedded engine, for `make run` and for tests."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.clients import client
from local.console import say
from local.deploy import DeployedStack, deploy
from local.engine import running_engine
from local.template import ROOT, TEMPLATE, read_template

STACK_NAME = "imagecache"


@contextlib.contextmanager
def local_stack(
    folder: Path,
    *,
    template: Path = TEMPLATE,
    builds: Path = ROOT / ".local" / "build",
    name: str = STACK_NAME,
    parameters: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Iterator[DeployedStack]:
    """Starts the engine with the state in `folder`, deploys the template, and stops it after the block.

    `secrets` are stored as SecureStrings below `/<name>/` before any function runs. Layers are built into
    `builds`. Raises the errors of `running_engine` and `deploy`.
    """
    with running_engine(folder) as engine:
        stack = deploy(
            engine,
            read_template(template),
            root=template.resolve().parent,
            builds=builds,
            name=name,
            parameters=parameters or {},
            secrets=secrets or {},
        )
        for problem in engine.problems():
            say(problem)
        yield stack


def release_sync_lock(stack: DeployedStack) -> None:
    """Releases the sync lock if the last run was stopped while a sync held it.

    Functions end with their engine, so that sync has ended, too. Otherwise the next sync would have to wait
    for the end of the lease, up to 16 minutes.
    """
    from imagecache.stores.state.lock import SyncLock  # noqa: PLC0415 - it imports botocore: see local.clients

    table = stack.resources["SyncStateTable"]
    SyncLock(table_name=table, dynamodb=client(stack.engine, "dynamodb")).free()


def has_rows(stack: DeployedStack, table: str) -> bool:
    """Returns True if the table with this logical id has a row, which an earlier run has then stored.

    The API would have to start a function to find that out.
    """
    dynamodb = client(stack.engine, "dynamodb")
    return bool(dynamodb.scan(TableName=stack.resources[table], Limit=1)["Items"])


def pause_queue(stack: DeployedStack) -> None:
    """Stops the delivery of queued messages until `resume_queue` is called, which may be in a later run.

    Otherwise the engine would start functions for them as soon as it is restored, and the page would wait for
    its own function behind those. If the engine does not answer, the next start is only slower.
    """
    with contextlib.suppress(BotoCoreError, ClientError):
        _set_delivery(client(stack.engine, "lambda", timeout_seconds=2), enabled=False)


def resume_queue(stack: DeployedStack) -> None:
    """Starts the delivery of queued messages again."""
    _set_delivery(client(stack.engine, "lambda"), enabled=True)


def start_first_sync(stack: DeployedStack) -> None:
    """Starts a sync without waiting for its schedule or for its end."""
    client(stack.engine, "lambda").invoke(
        FunctionName=stack.outputs["SyncFunction"], InvocationType="Event", Payload=b"{}"
    )


def _set_delivery(functions: Any, *, enabled: bool) -> None:
    for source in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=source["UUID"], Enabled=enabled)
