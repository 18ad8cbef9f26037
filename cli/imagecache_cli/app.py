"""The command `imagecache VERB`: runs one verb and returns an exit code.

0: done. 1: the command failed or found a problem. 2: the command line, the address or the token is wrong.
"""

import importlib.metadata
import io
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from imagecache_agent import command as agent
from imagecache_cli import changing, contacts, people, service, showing
from imagecache_cli.access import Wanted
from imagecache_cli.doctor import doctor
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_cli.screen import complain
from imagecache_cli.session import Options, Outside
from imagecache_migration.backup import command as backup
from imagecache_migration.command import import_convex

# The global options, first those without a value and then those with one. People may write them before or
# after the verb.
_GLOBAL_FLAGS = {"--json", "--local"}
_GLOBAL_OPTIONS = {"--url", "--token"}
_EPILOG = (
    "Global options may stand after the verb, too. Exit codes: 0 done; 1 the command failed or found a "
    "problem; 2 the command line, the address or the token is wrong."
)
_VERBS = (
    showing.stats,
    showing.chats,
    showing.uncached,
    showing.failed,
    showing.pictures,
    showing.explain,
    showing.lookup,
    people.former,
    doctor,
    changing.sync,
    changing.backfill,
    changing.retry_failed,
    changing.cleanup,
    changing.redrive,
    changing.refresh,
    changing.retry,
    changing.forget,
    backup.restore,
    import_convex,
)

app = typer.Typer(
    help="Chat Image Cache: show what it holds, find out why a picture is missing, and repair it.",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,  # they would print local variables, and so tokens
    rich_markup_mode=None,  # plain help, and errors on one line instead of in a box
)


def _show_version(context: typer.Context, requested: bool) -> None:
    if requested:
        typer.echo(f"imagecache {_version(context.obj.clone)}")
        raise typer.Exit


@app.callback()
def set_global_options(  # noqa: PLR0917 - typer makes an option of each
    context: typer.Context,
    url: Annotated[str | None, typer.Option(help="The API's address; else IMAGECACHE_URL.")] = None,
    token: Annotated[
        str | None,
        typer.Option(help="Read or admin token; else IMAGECACHE_TOKEN, which other users cannot see."),
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="Use the `make run` of this clone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback has printed it
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Keep the global options for the verb that follows."""
    context.meta["options"] = Options(Wanted(url, token, local), as_json)
    context.meta["outside"] = context.obj


# The order of the verbs is their order in --help.
for _verb in _VERBS:
    app.command(epilog=_EPILOG)(_verb)
app.add_typer(contacts.app, name="contacts")
app.add_typer(service.app, name="service")
app.add_typer(agent.app, name="agent")
app.add_typer(backup.app, name="backup")


def main(arguments: Sequence[str] | None = None, outside: Outside | None = None) -> int:
    """Runs the command and returns its exit code. Prints every error as one line on stderr.

    `arguments` are those of the process, and `outside` its surroundings, unless a test passes others.
    """
    _accept_any_text()
    try:
        ordered = globals_first(sys.argv[1:] if arguments is None else arguments)
        # Without standalone_mode, typer raises its errors. Otherwise it would print them in its own layout.
        code = app(
            ordered or ["--help"], prog_name="imagecache", standalone_mode=False, obj=outside or Outside()
        )
    except CommandError as error:
        complain(str(error))
        return error.exit_code
    except typer.TyperException as error:  # typer itself refuses an argument
        # typer adds these words before some messages.
        message = error.format_message().replace("Value error, ", "")
        complain(f"{message} (`{_group_of(error)} --help` shows what is possible)")
        return error.exit_code
    return int(code or 0)


def _group_of(error: typer.TyperException) -> str:
    """Returns the command whose help lists the verbs, such as `imagecache agent` for `imagecache agent x`."""
    context: typer.Context | None = getattr(error, "ctx", None)
    if context is None:
        return "imagecache"
    is_group = hasattr(context.command, "commands")
    return context.command_path if is_group or context.parent is None else context.parent.command_path


def globals_first(arguments: Sequence[str]) -> list[str]:
    """Returns the arguments with the global options before the verb, where typer expects them.

    For example, `chats --json` becomes `--json chats`. Arguments after `--` are not moved. Raises
    SettingsError if the value of an option is missing.
    """
    global_options: list[str] = []
    others: list[str] = []
    # An iterator, because an option takes the next argument as its value, and `--` takes all that follow.
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            return [*global_options, *others, argument, *remaining]
        if argument in _GLOBAL_OPTIONS:
            value = next(remaining, None)
            if value is None:
                raise SettingsError(f"{argument} needs a value")
            global_options += [argument, value]
        # `--url=ADDRESS` is one argument.
        elif argument in _GLOBAL_FLAGS or argument.split("=")[0] in _GLOBAL_OPTIONS:
            global_options.append(argument)
        else:
            others.append(argument)
    return [*global_options, *others]


def _version(clone: Path) -> str:
    """Returns the version of the installed package, or of the clone if the package is not installed."""
    try:
        return importlib.metadata.version("imagecache")
    except importlib.metadata.PackageNotFoundError:
        return str(tomllib.loads((clone / "pyproject.toml").read_text())["project"]["version"])


def _accept_any_text() -> None:
    """Makes stdout and stderr replace letters that the terminal's encoding does not have.

    Otherwise the title of a chat could end the command with an error.
    """
    for stream in (sys.stdout, sys.stderr):
        # Another program, such as a test, may have replaced the stream by one without an encoding.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
