"""A snapshot → the stack itself. The one module of the command line that knows more of us than the API.

No route could take this: it is gigabytes from the owner's disk, and an import of URLs would download them
again. It works with the owner's AWS credentials, and needs the packages of the extra `convex`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from imagecache import clock
from imagecache.errors import StoreUnavailableError
from imagecache.stores.blobs import Blobs
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.images.claims import ImageClaims
from imagecache.stores.state.sync_state import SyncState
from imagecache_cli.access import Engine
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_migration.convex_report import Report
from imagecache_migration.convex_snapshot import read_snapshot
from imagecache_migration.import_snapshot import ChatImport, ImageImport
from imagecache_migration.snapshot_archive import SnapshotError, open_archive

# From a home, most of an upload is waiting.
_AT_ONCE = 8


def move(path: Path, place: str | Engine, report: Report, *, console: Console) -> None:
    """Into the stack on AWS of that name, or that of `make run`. Raises SettingsError, CommandError."""
    with _told_in_one_line(), open_archive(path) as archive:
        snapshot = read_snapshot(archive)
        report.left_out.update(snapshot.left_out)
        report.unreadable.update(snapshot.unreadable)
        images, chats = _imports(_Stack(place), dry_run=report.dry_run)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            for one in bar.track(images.run(snapshot), total=len(snapshot.images), description="images"):
                report.images.add(one.document_id, one.result, size=one.bytes)
            for one in bar.track(chats.run(snapshot), total=len(snapshot.chats), description="chats"):
                report.chats.add(one.document_id, one.result)


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    try:
        yield
    except SnapshotError as error:
        raise SettingsError(f"the snapshot cannot be read: {error}") from error
    except (BotoCoreError, ClientError, PynamoDBException, StoreUnavailableError) as error:
        raise CommandError(f"{error} (what was moved is kept: run it again)") from error


class _Stack:
    """Clients, and what the template's names became. Raises SettingsError for a stack that is not ours."""

    def __init__(self, place: str | Engine) -> None:
        self._name = place.stack if isinstance(place, Engine) else place
        self._access = _access_to(place) if isinstance(place, Engine) else {}
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        self._resources = {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages.paginate(StackName=self._name)
            for one in page["StackResourceSummaries"]
        }

    def client(self, service: str) -> Any:
        return boto3.client(service, **self._access)  # type: ignore[call-overload] # a name that varies

    def resource(self, logical_id: str) -> str:
        try:
            return str(self._resources[logical_id])
        except KeyError as error:
            raise SettingsError(f"{self._name} has no {logical_id}: it is another stack") from error


def _access_to(engine: Engine) -> dict[str, Any]:
    return {
        "endpoint_url": engine.endpoint,
        "region_name": engine.region,
        "aws_access_key_id": "any",
        "aws_secret_access_key": "any",
        "aws_session_token": engine.token,
        "config": Config(proxies={}, retries={"total_max_attempts": 2}),
    }


def _imports(stack: _Stack, *, dry_run: bool) -> tuple[ImageImport, ChatImport]:
    dynamodb = stack.client("dynamodb")
    images_table = stack.resource("CachedImagesTable")
    sync_state = SyncState(table_name=stack.resource("SyncStateTable"), dynamodb=dynamodb)
    images = ImageImport(
        images=CachedImages(table_name=images_table, dynamodb=dynamodb),
        claims=ImageClaims(table_name=images_table, dynamodb=dynamodb),
        blobs=Blobs(bucket=stack.resource("ImageBucket"), s3=stack.client("s3")),
        salt=cache(sync_state.salt),
        clock=clock.now,
        at_once=_AT_ONCE,
        dry_run=dry_run,
    )
    participants_table = ParticipantsTable(
        table_name=stack.resource("ChatParticipantsTable"), dynamodb=dynamodb, writes_at_once=_AT_ONCE
    )
    chats = ChatImport(
        chats=ChatsTable(table_name=stack.resource("BeeperChatsTable"), dynamodb=dynamodb),
        participants=participants_table,
        state=sync_state,
        clock=clock.now,
        dry_run=dry_run,
    )
    return images, chats
