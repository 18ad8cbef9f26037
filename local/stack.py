"""A folder → template.yaml running in the embedded engine, as `make run` and the tests have it."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3

from local.deploy import Stack, deploy
from local.engine import running_engine
from local.template import ROOT, TEMPLATE, read_template

_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


@contextlib.contextmanager
def local_stack(
    folder: Path,
    *,
    template: Path = TEMPLATE,
    builds: Path = ROOT / ".local" / "build",
    name: str = "imagecache",
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


def publish_page(stack: Stack, page: Path) -> None:
    """Make the web bucket hold exactly the files of `page`."""
    s3 = boto3.client("s3", **stack.engine.access)
    bucket = stack.outputs["WebBucket"]
    files = {path.relative_to(page).as_posix(): path for path in page.rglob("*") if path.is_file()}
    for listed in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        if listed["Key"] not in files:
            s3.delete_object(Bucket=bucket, Key=listed["Key"])
    for key, path in files.items():
        kind = _CONTENT_TYPES.get(path.suffix, "application/octet-stream")
        s3.put_object(
            Bucket=bucket, Key=key, Body=path.read_bytes(), ContentType=kind, CacheControl="no-cache"
        )


def start_first_sync(stack: Stack) -> None:
    """Sync now, not when its schedule comes round: the only call of a function that is our own."""
    function: Any = boto3.client("lambda", **stack.engine.access)
    function.invoke(FunctionName=stack.outputs["SyncFunction"], InvocationType="Event", Payload=b"{}")
