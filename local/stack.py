"""A folder → template.yaml running in the embedded engine, as `make run` and the tests have it."""

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
    """Start the engine on `folder`, deploy the template into it; stop at the end, which saves.

    `secrets` become SecureStrings below `/<name>/`, before any function runs.
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
    """Sync now, not when its schedule comes round: the only call of a function that is our own."""
    function: Any = boto3.client("lambda", **stack.engine.access)
    function.invoke(FunctionName=stack.outputs["SyncFunction"], InvocationType="Event", Payload=b"{}")
