"""Runs template.yaml in the embedded engine, for `make run` and for tests alike."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3

from local.deploy import Stack, deploy
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


def start_first_sync(stack: Stack) -> None:
    """Starts a sync now, instead of when its schedule is due, and does not wait for its end."""
    function: Any = boto3.client("lambda", **stack.engine.access)
    function.invoke(FunctionName=stack.outputs["SyncFunction"], InvocationType="Event", Payload=b"{}")
