"""`imagecache import-convex`: the original application's images and chats, moved from here into the stack."""

from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from imagecache_cli.access import Engine, find_engine
from imagecache_cli.errors import SettingsError
from imagecache_cli.screen import Screen
from imagecache_migration.convex_report import Report


def import_convex(
    context: typer.Context,
    snapshot: Annotated[
        Path, typer.Argument(metavar="SNAPSHOT", help="What `npx convex export` wrote: a .zip or a folder.")
    ],
    stack: Annotated[
        str | None, typer.Option(help="The stack's name on AWS, whose credentials are used.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every file, and change nothing.")] = False,
) -> None:
    """Move the images and chats of the Convex application here. Exit code 1 when something was left out."""
    options, outside = context.meta["options"], context.meta["outside"]
    place = _place(stack, local=options.wanted.local, folder=outside.folder, clone=outside.clone)
    screen, report = Screen.open(as_json=options.as_json), Report(dry_run)
    try:
        _worker().move(snapshot, place, report, console=screen.err)
    except KeyboardInterrupt as stopped:
        screen.note("stopped: what was moved is kept, run it again for the rest")
        raise typer.Exit(130) from stopped
    screen.show(report.document(), report.shown())
    for note in report.notes():
        screen.note(note)
    if report.has_left_out:
        raise typer.Exit(1)


def _place(stack: str | None, *, local: bool, folder: Path, clone: Path | None) -> str | Engine:
    """A stack's name on AWS, or the engine of `make run`. Raises SettingsError."""
    if local and stack:
        raise SettingsError("--local is the stack of `make run`: leave out --stack")
    if local:
        return find_engine(folder, clone)
    if not stack:
        raise SettingsError("into which stack? --stack NAME on AWS, or --local beside a running `make run`")
    return stack


def _worker() -> ModuleType:
    """Only here: no other verb needs what it imports, which takes half a second. Raises SettingsError."""
    try:
        from imagecache_migration import convex_import  # noqa: PLC0415 - as the docstring says
    except ModuleNotFoundError as error:
        wanted = "`pipx install '.[convex]'` in the clone brings what this verb needs"
        raise SettingsError(f"{(error.name or '').partition('.')[0]} is not installed: {wanted}") from error
    return convex_import
