"""Runs template.yaml in the embedded engine, for `make run` and for tests alike."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3

from imagecache.stores.state.lock import SyncLock
from local.deploy import Stack, deploy
from local.engine import running_engine
from local.template import ROOT, TEMPLATE, read_template

STACK_NAME = "imagecache"
_AFTER_EVERY_LEASE = 2**53  # ms since 1970: far in the future


@contextlib.contextmanager
def local_stack(
    folder: Path,
    *,
    template: Path = TEMPLATE,
    builds: Path = ROOT / ".local" / "build",
    name: str = STACK_NAME,
    parameters: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """Starts the engine with the state in `folder`, deploys the template, and stops after the block.

    `secrets` become SecureStrings below `/<name>/` before any function runs. Layers are built into `builds`.
    """
    with running_engine(folder) as engine:
        yield deploy(
            engine,
            read_template(template),
            root=template.resolve().parent,
            builds=builds,
            name=name,
            parameters=parameters or {},
            secrets=secrets or {},
        )


def release_sync_lock(stack: Stack) -> None:
    """Releases the sync lock if the last run was stopped while a sync held it.

    No function outlives its engine, so the sync has ended. Without this the next one would wait for the end
    of the lease, up to 16 minutes. The lock is acquired as at a time when every lease is over. That gives it
    a new fence, which a sync that is running after all would notice.
    """
    lock = SyncLock(
        table_name=stack.resources["SyncStateTable"], dynamodb=boto3.client("dynamodb", **stack.engine.access)
    )
    fence = lock.acquire(now=_AFTER_EVERY_LEASE, lease_ms=0)
    if fence is not None:
        lock.release(fence)


def start_first_sync(stack: Stack) -> None:
    """Starts a sync now, instead of when its schedule is due, and does not wait for its end."""
    function: Any = boto3.client("lambda", **stack.engine.access)
    function.invoke(FunctionName=stack.outputs["SyncFunction"], InvocationType="Event", Payload=b"{}")
