"""The verbs `imagecache backup` and `imagecache restore`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from rich.text import Text
from typer.core import TyperGroup

from imagecache_cli.plain import plain
from imagecache_cli.screen import Screen
from imagecache_cli.session import Options, Outside
from imagecache_cli.tables import NOTHING, size, table
from imagecache_migration.command import INTERRUPTED, find_place, load_worker

if TYPE_CHECKING:
    from imagecache_migration.backup.create import BackupReport
    from imagecache_migration.backup.restore import RestoreReport
    from imagecache_migration.backup.verify import Finding, VerifyReport

_CREATE = "create"
_MOST_NAMES = 3

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the backup.")]
Stack = Annotated[str | None, typer.Option(help="The name of a stack on AWS. Your AWS credentials are used.")]


class _BackupGroup(TyperGroup):
    """Runs `create` for `imagecache backup FOLDER`. A folder that has the name of a verb needs `./`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [_CREATE, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_BackupGroup,
    help="Back up pictures, contacts and what was forgotten: `imagecache backup FOLDER`.",
    no_args_is_help=True,
    subcommand_metavar="[verify] FOLDER",
    rich_markup_mode=None,
)


@app.command()
def create(
    context: typer.Context,
    folder: Folder,
    stack: Stack = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace a backup of another stack, or one with many more pictures."),
    ] = False,
) -> None:
    """Back up a stack. Only new pictures are copied.

    The word `create` may be left out.
    """
    options: Options = context.meta["options"]
    outside: Outside = context.meta["outside"]
    place = find_place(stack, options, outside)
    screen = Screen.open(as_json=options.as_json)
    with _progress(screen) as progress:
        report: BackupReport = _work().back_up(
            _absolute(folder, outside), place, force=force, progress=progress
        )
    screen.show(_camel(asdict(report)), Text(_describe_backup(report, folder)))
    if report.lost:
        # This is no failure of the backup, which a service would try again every hour.
        screen.note(
            f"originals that the stack does not have, and that are not in the backup: {report.lost:,}."
            " `imagecache cleanup` fetches them again"
        )


@app.command()
def verify(context: typer.Context, folder: Folder) -> None:
    """Check every file of a backup. Exit code 1 if one is damaged, missing or additional."""
    options: Options = context.meta["options"]
    screen = Screen.open(as_json=options.as_json)
    with _progress(screen) as progress:
        report: VerifyReport = _work().check(_absolute(folder, context.meta["outside"]), progress=progress)
    whole = f"{report.checked:,} pictures ({size(report.checked_bytes)}) of {report.created_at} are whole"
    if not report.findings:
        screen.show(_camel(asdict(report)), Text(f"{folder}: {whole}"))
        return
    rows = ((finding.problem, plain(finding.file), _whose(finding)) for finding in report.findings)
    listing = table(("problem", "file", "picture of"), rows, long=("file", "picture of"))
    screen.show(_camel(asdict(report)), Group(listing, Text(f"{folder}: {whole}, the files above are not")))
    screen.note(
        "delete what is damaged, and run `imagecache backup` again while the stack still has these pictures."
        " Additional files do no harm: the next backup removes those that an interrupted one has left"
    )
    raise typer.Exit(1)


def restore(
    context: typer.Context,
    folder: Folder,
    stack: Stack = None,
    merge: Annotated[
        bool,
        typer.Option("--merge", help="Restore into a stack that is in use: keep what it has, add the rest."),
    ] = False,
) -> None:
    """Restore a backup into an empty stack. Exit code 1 if an image was left out."""
    options: Options = context.meta["options"]
    outside: Outside = context.meta["outside"]
    place = find_place(stack, options, outside)
    screen = Screen.open(as_json=options.as_json)
    with _progress(screen) as progress:
        report: RestoreReport = _work().restore(
            _absolute(folder, outside), place, merge=merge, progress=progress
        )
    screen.show(_restore_document(report), Text(_describe_restore(report)))
    for outcome, count in report.images.items():
        if outcome.value != "restored":
            screen.note(f"{count:,} images: {outcome.meaning}")
    if report.has_left_out:
        raise typer.Exit(1)


def _work() -> ModuleType:
    return load_worker("imagecache_migration.backup.work", extra="backup")


def _absolute(folder: Path, outside: Outside) -> Path:
    return outside.folder / folder.expanduser()


@contextmanager
def _progress(screen: Screen) -> Iterator[Callable[[str, int], None]]:
    """Shows on a terminal how many rows of each kind are done. Ctrl-C ends the command with one line."""
    columns = (TextColumn("{task.description}"), TextColumn("{task.completed:,}"), TimeElapsedColumn())
    console: Console = screen.err
    tasks: dict[str, Any] = {}
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:

            def advance(kind: str, count: int) -> None:
                if kind not in tasks:
                    tasks[kind] = bar.add_task(kind, total=None)
                bar.advance(tasks[kind], count)

            yield advance
    except KeyboardInterrupt as error:
        screen.note("stopped: what was copied is kept; run the command again to continue")
        raise typer.Exit(INTERRUPTED) from error


def _describe_backup(report: "BackupReport", folder: Path) -> str:
    return (
        f"backed up {report.rows['images']:,} images, with {report.originals:,} pictures"
        f" ({size(report.original_bytes)}), of which {report.new_originals:,} are new"
        f" ({size(report.new_bytes)}), and {report.contacts:,} contacts, in {folder}"
    )


def _describe_restore(report: "RestoreReport") -> str:
    counts = {outcome.value: count for outcome, count in report.images.items()}
    return (
        f"restored {counts.get('restored', 0):,} of {sum(counts.values()):,} images"
        f" ({size(report.original_bytes)}) and {report.contacts:,} contacts of {report.created_at}:"
        " the next complete sync shows them in the chats (`imagecache sync --complete`)"
    )


def _restore_document(report: "RestoreReport") -> dict[str, Any]:
    document = _camel(asdict(report))
    return {**document, "images": {outcome.value: count for outcome, count in report.images.items()}}


def _whose(finding: "Finding") -> str:
    """Returns the names of the people who have the picture, or what else is known of it.

    The picture's URL is not shown, because those of Beeper contain the owner's user name.
    """
    if not finding.pictures:
        return NOTHING
    names = ", ".join(map(plain, finding.people[:_MOST_NAMES]))
    more = len(finding.people) - _MOST_NAMES
    if not names:
        return "a chat, or somebody whose name is not in the backup"
    return f"{names} and {more:,} more" if more > 0 else names


def _camel(values: dict[str, Any]) -> dict[str, Any]:
    """Returns a JSON document, whose names are in camel case, like those of the API."""

    def renamed(name: str) -> str:
        first, *others = name.split("_")
        return first + "".join(map(str.capitalize, others))

    return {
        renamed(name): [_camel(each) for each in value] if name == "findings" else value
        for name, value in values.items()
    }
