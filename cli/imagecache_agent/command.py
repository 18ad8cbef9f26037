"""The verbs of `imagecache agent`: run the agent of a stack, install it as a service, and show its state."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from imagecache_agent.folder import AgentFolder
from imagecache_agent.status import AgentStatus, Phase, read_status
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_cli.explanations import BEEPER_REFUSES, BEEPER_UNREACHABLE, agent_advice
from imagecache_cli.screen import Screen
from imagecache_cli.service import (
    Service,
    install_service,
    is_service_installed,
    print_logs,
    uninstall_service,
)
from imagecache_cli.session import Options, Outside
from imagecache_cli.tables import utc
from imagecache_migration.command import load_worker

AGENT = Service(
    "imagecache-agent",
    "agent",
    "Chat Image Cache agent",
    Path(".local", "agent-service"),
    arguments=("agent",),
    by_hand="imagecache agent --stack NAME",
    install="imagecache agent install --stack NAME",
)
_STACK = "IMAGECACHE_STACK"
SETTINGS = (
    "AWS_CONFIG_FILE",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
    "BEEPER_TOKEN",
    "BEEPER_URL",
    "MEDIA_SERVER_TOKEN",
    "MEDIA_SERVER_URL",
)
"""The variables that the agent reads. `install` keeps their values for the service."""

Stack = Annotated[str | None, typer.Option(help=f"The name of the stack on AWS; else {_STACK}.")]

app = typer.Typer(
    help="Sync and fetch pictures on Beeper's own computer, for a stack with Source=agent.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def run(context: typer.Context, stack: Stack = None) -> None:
    """Run the agent of a stack until Ctrl-C: `imagecache agent --stack NAME`."""
    context.meta["stack"] = stack
    if context.invoked_subcommand:
        return
    outside, screen = _opened(context)
    name = _stack(stack, outside)
    folder = AgentFolder.of(name, outside)
    worker = load_worker("imagecache_agent.work", extra="agent")

    def ready(text: str) -> None:
        # The supervisor waits for this word. It is written at once, also to a pipe.
        print(f"ready {text}", flush=True)  # noqa: T201 - the command's answer

    worker.run(name, folder, outside, ready=ready, stopping=lambda: screen.note("stopping"))
    screen.note("stopped: what was begun is finished or given back")


@app.command()
def install(context: typer.Context, stack: Stack = None) -> None:
    """Start the agent now and at each log-in, with the settings in the environment of this command."""
    outside, screen = _opened(context)
    name = _stack(stack or context.meta["stack"], outside)
    folder = AgentFolder.of(name, outside)
    installed = _installed_stack(outside.clone / AGENT.folder)
    if installed not in {"", name} and _is_installed(outside):
        raise SettingsError(
            f"the service of the stack {installed} is installed: run `imagecache agent uninstall` first"
        )
    load_worker("imagecache_agent.work", extra="agent").check_installation(name, folder, outside)
    if not folder.is_in_use():
        folder.status_file.unlink(missing_ok=True)  # it is about an agent before this one
    kept = {setting: outside.environment[setting] for setting in SETTINGS if outside.environment.get(setting)}
    file = install_service(AGENT, outside, {_STACK: name, **kept})
    screen.show(
        {"installed": True, "file": str(file), "stack": name, "settings": sorted(kept)},
        f"installed {file}\nsettings kept: {', '.join(sorted(kept)) or 'none'}\n"
        "`imagecache agent status` shows its state",
    )


@app.command()
def uninstall(context: typer.Context) -> None:
    """Stop the agent, and do not start it again. Its key stays until you revoke it."""
    outside, screen = _opened(context)
    name = _installed_stack(outside.clone / AGENT.folder) or "NAME"
    uninstall_service(AGENT, outside)
    screen.show(
        {"installed": False}, f"uninstalled; `make agent-credentials STACK={name} REVOKE=yes` ends its key"
    )


@app.command()
def status(context: typer.Context, stack: Stack = None) -> None:
    """Show what the agent does, and what prevents it from working. Exit code 0 if it works."""
    outside, screen = _opened(context)
    name = _stack(stack or context.meta["stack"], outside) or _only_stack(outside)
    folder = AgentFolder.of(name, outside)
    known = read_status(folder.status_file) or AgentStatus(Phase.STOPPED, 0)
    is_running = folder.is_in_use()
    is_installed = _is_installed(outside)
    if is_running and known.phase is Phase.RUNNING:
        known = _with_beeper(known, name)
    document = {
        "stack": name,
        "running": is_running,
        "installed": is_installed,
        **{_camel(field): value for field, value in asdict(known).items() if not _is_moment(field)},
        **{_camel(field): _iso8601(value) for field, value in asdict(known).items() if _is_moment(field)},
    }
    screen.show(document, "\n".join(_lines(known, is_running=is_running, is_installed=is_installed)))
    if not is_running or known.phase is not Phase.RUNNING or known.text:
        raise typer.Exit(1)


@app.command()
def logs(
    context: typer.Context,
    lines: Annotated[int, typer.Option("-n", "--lines", min=1, help="How many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Wait for further lines.")] = False,
) -> None:
    """Print the last lines of the installed agent's log. It has no tokens, URLs and names."""
    outside, _ = _opened(context)
    print_logs(AGENT, outside, lines=lines, follow=follow)


def _opened(context: typer.Context) -> tuple[Outside, Screen]:
    options: Options = context.meta["options"]
    return context.meta["outside"], Screen.open(as_json=options.as_json)


def _stack(given: str | None, outside: Outside) -> str:
    """Returns the stack's name: as given, as set, or that of the installed service; empty if unknown."""
    return given or outside.environment.get(_STACK, "") or _installed_stack(outside.clone / AGENT.folder)


def _only_stack(outside: Outside) -> str:
    """Returns the only stack of which an agent has run here, or an empty text if there is not exactly one."""
    stacks = AgentFolder.stacks(outside)
    return stacks[0] if len(stacks) == 1 else ""


def _with_beeper(known: AgentStatus, stack: str) -> AgentStatus:
    """Returns the status with the reason why the last sync could not read Beeper, if it could not."""
    match known.last_sync:
        case "offline":
            return replace(known, text=BEEPER_UNREACHABLE, advice=agent_advice(stack).if_closed)
        case "unauthorized":
            return replace(known, text=BEEPER_REFUSES, advice=agent_advice(stack).if_refused)
    return known


def _is_installed(outside: Outside) -> bool:
    try:
        return is_service_installed(AGENT, outside)
    except CommandError:  # outside of a clone, and without systemd and launchd, there is no service
        return False


def _installed_stack(folder: Path) -> str:
    try:
        settings: dict[str, Any] = json.loads((folder / "settings.json").read_text())
    except (OSError, ValueError):
        return ""
    return str(settings.get(_STACK, ""))


def _lines(known: AgentStatus, *, is_running: bool, is_installed: bool) -> Iterator[str]:
    """Yields what `status` says to a person."""
    since = _iso8601(known.since)
    if is_running:
        yield f"{known.phase} since {utc(since)}"
    elif since is None and is_installed:
        yield "installed, starting"
    elif since is None:
        yield "never started: `imagecache agent install --stack NAME` starts it"
    elif known.phase in {Phase.STOPPED, Phase.ENDED}:
        yield f"not running; {known.phase} {utc(since)}"
    else:
        yield f"not running: it was killed. Before, it was {known.phase} since {utc(since)}"
    if known.text:
        yield known.text
    if known.advice:
        yield f"What to do: {known.advice}"
    if known.last_sync_at:
        yield f"last sync {utc(_iso8601(known.last_sync_at))}: {known.last_sync}"
    if known.started_at:
        yield (
            f"since its start {utc(_iso8601(known.started_at))}:"
            f" {known.cached:,} pictures cached, {known.failed:,} failed"
        )


def _is_moment(field: str) -> bool:
    return field == "since" or field.endswith("_at")


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _iso8601(moment: int) -> str | None:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="seconds") if moment else None
