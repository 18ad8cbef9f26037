"""`imagecache VERB`: argv → one verb → exit code 0 (done), 1 (the answer is bad) or 2 (mend the command)."""

import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from imagecache_cli import changing, contacts, showing
from imagecache_cli.access import Wanted
from imagecache_cli.doctor import doctor
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_cli.screen import complain
from imagecache_cli.session import Options, Outside
from imagecache_migration.command import import_convex

_FLAGS = {"--json", "--local"}
_VALUED = {"--url", "--token"}
_EPILOG = "Global options may stand after the verb too. Exit codes: 0 done, 1 bad answer, 2 mend the command."

app = typer.Typer(
    help="Chat Image Cache: what it holds, why a face is missing, and what to do about it.",
    epilog=_EPILOG,
    add_completion=False,
    pretty_exceptions_enable=False,  # they print what stands in variables, tokens too
    rich_markup_mode=None,  # plain help: no box may stand in the way of one line
)


@app.callback()
def choose(
    context: typer.Context,
    url: Annotated[str | None, typer.Option(help="The API's address; else IMAGECACHE_URL.")] = None,
    token: Annotated[
        str | None,
        typer.Option(help="Read or admin token; else IMAGECACHE_TOKEN, which other users cannot see."),
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="The `make run` of this clone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """What holds for every verb."""
    context.meta["options"] = Options(Wanted(url, token, local), as_json)
    context.meta["outside"] = context.obj


for verb in (
    showing.stats,
    showing.chats,
    showing.uncached,
    showing.failed,
    showing.explain,
    showing.lookup,
    doctor,
    changing.sync,
    changing.backfill,
    changing.retry_failed,
    changing.cleanup,
    changing.redrive,
    changing.refresh,
    changing.retry,
    changing.forget,
    import_convex,
):
    app.command(epilog=_EPILOG)(verb)


app.add_typer(contacts.app, name="contacts")


def main(arguments: Sequence[str] | None = None, outside: Outside | None = None) -> int:
    """The exit code. Whatever is wrong is one line on stderr."""
    _print_anything()
    try:
        given = globals_first(sys.argv[1:] if arguments is None else arguments)
        code = app(
            given or ["--help"], prog_name="imagecache", standalone_mode=False, obj=outside or Outside()
        )
    except CommandError as error:
        complain(str(error))
        return error.exit_code
    except typer.TyperException as error:  # an argument that typer itself refuses
        complain(f"{error.format_message()} (`imagecache --help`)")
        return error.exit_code
    return int(code or 0)


def globals_first(arguments: Sequence[str]) -> list[str]:
    """`chats --json` → `--json chats`: nobody remembers which options are global. Raises SettingsError."""
    first: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for one in waiting:
        if one == "--":
            return [*first, *rest, one, *waiting]
        if one in _VALUED:
            value = next(waiting, None)
            if value is None:
                raise SettingsError(f"{one} needs a value")
            first += [one, value]
        elif one in _FLAGS or one.split("=")[0] in _VALUED:
            first.append(one)
        else:
            rest.append(one)
    return [*first, *rest]


def _print_anything() -> None:
    """A title may hold letters that the terminal's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
