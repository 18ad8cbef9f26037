"""The verb `imagecache import-convex`: imports the original application's images and chats into a stack."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from imagecache_cli.access import Engine, find_engine
from imagecache_cli.errors import SettingsError
from imagecache_cli.screen import Screen
from imagecache_cli.session import Options, Outside

if TYPE_CHECKING:
    from imagecache_migration.convex_report import ImportReport

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


def import_convex(
    context: typer.Context,
    snapshot: Annotated[
        Path, typer.Argument(metavar="SNAPSHOT", help="The .zip or folder that `npx convex export` wrote.")
    ],
    stack: Annotated[
        str | None, typer.Option(help="The name of a stack on AWS. Your AWS credentials are used.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every file, and change nothing.")] = False,
) -> None:
    """Move the images and chats of the Convex application here. Exit code 1 if anything was left out."""
    options: Options = context.meta["options"]
    outside: Outside = context.meta["outside"]
    place = find_place(stack, options, outside)
    screen = Screen.open(as_json=options.as_json)
    worker = load_worker("imagecache_migration.convex_import", extra="convex")
    try:
        report: ImportReport = worker.move(snapshot, place, dry_run=dry_run, console=screen.err)
    except KeyboardInterrupt as error:
        screen.note("stopped: what was moved is kept; run the command again to move the rest")
        raise typer.Exit(INTERRUPTED) from error
    screen.show(report.document(), report.shown())
    for note in report.notes():
        screen.note(note)
    if report.has_left_out:
        raise typer.Exit(1)


def find_place(stack: str | None, options: Options, outside: Outside) -> str | Engine:
    """Returns the name of a stack on AWS, or the engine of `make run`. Raises SettingsError."""
    is_local = options.wanted.local
    if is_local and stack:
        raise SettingsError("--local and --stack name two different stacks: leave out one of them")
    if is_local:
        return find_engine(outside.folder, outside.clone)
    if not stack:
        raise SettingsError(
            "the stack is missing: add --stack NAME for one on AWS, or --local while `make run` is running"
        )
    return stack


def load_worker(module: str, *, extra: str) -> ModuleType:
    """Imports the module that does the work. Raises SettingsError if one of its packages is not installed.

    It is not imported at the top of a module, because every verb imports that, and the packages need half a
    second. `extra` is the extra of pyproject.toml that has the packages.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        raise SettingsError(
            f"{package} is not installed: run `pipx install '.[{extra}]'` in the clone to add what this needs"
        ) from error
