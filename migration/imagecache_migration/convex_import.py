"""Imports a snapshot into a stack, directly into its tables and its bucket.

The API is not used, because a snapshot has gigabytes, and an import of only the URLs would download all
images again. The import uses the owner's AWS credentials, and needs the packages of the extra `convex`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from imagecache.errors import StoreUnavailableError
from imagecache.wiring import Wiring
from imagecache_cli.access import Engine
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_migration.convex_report import ImportReport
from imagecache_migration.convex_snapshot import read_snapshot
from imagecache_migration.deployed_stack import deployed_wiring
from imagecache_migration.import_snapshot import ChatImport, ImageImport
from imagecache_migration.snapshot_archive import SnapshotError, open_archive

# Images are uploaded in parallel, because each upload from a home mostly waits for the network.
_IMAGES_AT_ONCE = 8


def move(path: Path, place: str | Engine, *, dry_run: bool, console: Console) -> ImportReport:
    """Imports the snapshot at `path`, and returns the outcome of each of its documents.

    `place` is the name of a stack on AWS, or the engine of `make run`. A dry run checks everything and writes
    nothing. Raises SettingsError if the snapshot or the stack cannot be used, and CommandError if AWS refuses
    or does not answer.
    """
    with _errors_of_the_command(), open_archive(path) as archive:
        snapshot = read_snapshot(archive)
        report = ImportReport(snapshot, dry_run)
        wiring = deployed_wiring(place)
        image_results = image_import(wiring, dry_run=dry_run).run(snapshot)
        chat_results = chat_import(wiring, dry_run=dry_run).run(snapshot)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            # Images first: a sync between the two queues the images that it does not find.
            for result in bar.track(image_results, total=len(snapshot.images), description="images"):
                report.images.add(result)
            for result in bar.track(chat_results, total=len(snapshot.chats), description="chats"):
                report.chats.add(result)
        return report


@contextmanager
def _errors_of_the_command() -> Iterator[None]:
    """Translates errors to CommandError or SettingsError, which the command line prints on one line."""
    try:
        yield
    except SnapshotError as error:
        raise SettingsError(f"the snapshot cannot be read: {error}") from error
    except (BotoCoreError, ClientError, PynamoDBException, StoreUnavailableError) as error:
        raise CommandError(f"{error} (what was moved is kept: run the command again)") from error


def image_import(wiring: Wiring, *, dry_run: bool) -> ImageImport:
    """Returns the import of images into a stack."""
    return ImageImport(
        cached_images=wiring.cached_images,
        claims=wiring.claims,
        blobs=wiring.blobs,
        clock=wiring.clock,
        images_at_once=_IMAGES_AT_ONCE,
        dry_run=dry_run,
    )


def chat_import(wiring: Wiring, *, dry_run: bool) -> ChatImport:
    """Returns the import of chats into a stack."""
    return ChatImport(
        chats_table=wiring.chats_table,
        participants_table=wiring.participants_table,
        sync_lock=wiring.sync_lock,
        clock=wiring.clock,
        dry_run=dry_run,
    )
