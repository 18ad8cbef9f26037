"""The verbs of `imagecache service`, which keeps `make run` running from log-in on.

systemd (Linux) or launchd (macOS) starts `tools/supervisor.py` of the clone, which starts `make run` again
whenever it ends. Nothing here needs root. `imagecache agent` has a service of its own of the same kind.
"""

import collections
import json
import os
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from xml.parsers.expat import ExpatError

import typer

from imagecache_cli.access import is_locked
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_cli.screen import Screen
from imagecache_cli.session import Options, Outside
from imagecache_cli.tables import utc

app = typer.Typer(help="Keep `make run` running from log-in on.", rich_markup_mode=None)

SETTINGS = (
    "BEEPER_URL",
    "BEEPER_TOKEN",
    "MEDIA_SERVER_URL",
    "MEDIA_SERVER_TOKEN",
    "ALLOWED_ORIGINS",
    "CONTACT_URL",
    "DEFAULT_REGION",
    "DEX_API_KEY",
    "FORMER_PICTURES",
    "PORT",
)
"""The variables that `make run` reads. `install` keeps their values for the service."""

_READY = "ready"
_STARTING = "starting"
_STOP_SECONDS = 90  # after this time, launchd kills the supervisor
_SUPERVISOR = Path("tools", "supervisor.py")
_UNIT = """\
[Unit]
Description={description} ({clone})
# The supervisor itself waits longer after each failure.
StartLimitIntervalSec=0

[Service]
ExecStart="{python}" "{supervisor}"{arguments}
WorkingDirectory={clone}
Restart=always
RestartSec=10
KillMode=mixed
TimeoutStopSec=90

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True, slots=True)
class State:
    """The state of the supervisor: `stopped`, `starting`, `ready`, or `waiting` for the next attempt.

    `since` and `last_backup` are in ISO 8601. `failures` is the number of starts in a row that have failed.
    `backup_failed` says that the last backup did.
    """

    state: str
    since: str | None = None
    failures: int = 0
    last_backup: str | None = None
    backup_failed: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A program of the clone that the supervisor keeps running.

    `name` is that of the systemd unit, and `verb` the part of the command line that manages the service.
    `folder` is below the clone; it has the settings, the state and the log. `arguments` tell the supervisor
    what to run. `by_hand` is the command that runs the program without a service, and
    `install` the one that installs the service.
    """

    name: str
    verb: str
    description: str
    folder: Path
    arguments: tuple[str, ...] = ()
    by_hand: str = "make run"
    install: str = "imagecache service install"

    @property
    def label(self) -> str:
        """The name of the launchd agent."""
        return f"chat-image-cache.{self.name}"


MAKE_RUN = Service("imagecache", "service", "Chat Image Cache", Path(".local", "service"))


@dataclass(frozen=True, slots=True)
class Manager:
    """systemd or launchd: the file that describes the service, and the commands that control it.

    `is_loaded` succeeds while the service still stops, if `stop` does not wait for its end.
    """

    file: Path
    content: bytes
    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]
    restart: tuple[str, ...]
    after_removal: tuple[tuple[str, ...], ...] = ()
    is_loaded: tuple[str, ...] | None = None


class Every(StrEnum):
    """The choices for the time between two backups."""

    DAY = "day"
    WEEK = "week"


_SECONDS = {Every.DAY: 86_400, Every.WEEK: 7 * 86_400}


@app.command()
def install(
    context: typer.Context,
    backup: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Back up into this folder, too; see `backup`.")
    ] = None,
    every: Annotated[Every, typer.Option(help="How often to back up.")] = Every.DAY,
) -> None:
    """Start `make run` now and at each log-in, with the settings in the environment of this command."""
    outside, screen = _opened(context)
    settings = {name: outside.environment[name] for name in SETTINGS if outside.environment.get(name)}
    plan: dict[str, object] = {}
    if backup:
        backup = outside.folder / backup.expanduser()
        plan = {"folder": str(backup), "seconds": _SECONDS[every]}
    file = install_service(MAKE_RUN, outside, settings, backup_plan=plan)
    screen.show(
        {"installed": True, "file": str(file), "settings": sorted(settings)},
        f"installed {file}\n"
        f"settings kept: {', '.join(sorted(settings)) or 'none, so the demo account is shown'}\n"
        f"{f'a backup every {every} into {backup}' if backup else 'no backups'}\n"
        "`imagecache service status` says when it is ready",
    )


def install_service(
    service: Service,
    outside: Outside,
    settings: Mapping[str, str],
    *,
    backup_plan: Mapping[str, object] | None = None,
) -> Path:
    """Installs and starts a service with these settings. Returns the file that describes it to the system.

    Raises CommandError, after which nothing is left of the installation; SettingsError.
    """
    clone = _clone(outside)
    manager = _manager(clone, outside.environment, service)
    _refuse_another_clone(manager, clone, service)
    if manager.file.exists():
        # What runs has the settings of the first installation, and launchd does not load an agent twice.
        _stop(manager, outside.sleep)
    folder = clone / service.folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_private(folder / "settings.json", json.dumps(dict(settings)).encode())
    for name in ("backup.json", "last-backup.json"):
        (folder / name).unlink(missing_ok=True)
    if backup_plan:
        _write_private(folder / "backup.json", json.dumps(dict(backup_plan)).encode())
    manager.file.parent.mkdir(parents=True, exist_ok=True)
    manager.file.write_bytes(manager.content)
    try:
        for command in manager.start:
            _run(command, by_hand=service.by_hand)
    except CommandError:
        _stop(manager, outside.sleep)
        _remove(manager, folder)
        raise
    return manager.file


@app.command()
def uninstall(context: typer.Context) -> None:
    """Stop the service, and do not start it again. Chats and pictures stay."""
    outside, screen = _opened(context)
    uninstall_service(MAKE_RUN, outside)
    screen.show({"installed": False}, "uninstalled; chats and pictures are still in .local")


def uninstall_service(service: Service, outside: Outside) -> None:
    """Stops and removes a service with its settings and logs. Raises CommandError if it is not installed."""
    clone = _clone(outside)
    manager = _manager(clone, outside.environment, service)
    if not manager.file.exists():
        raise CommandError("no service is installed: there is nothing to uninstall")
    _refuse_another_clone(manager, clone, service)
    _stop(manager, outside.sleep)
    _remove(manager, clone / service.folder)


@app.command()
def restart(context: typer.Context) -> None:
    """Stop `make run` in order, and start it again, for example after `git pull`."""
    outside, screen = _opened(context)
    clone = _clone(outside)
    manager = _manager(clone, outside.environment, MAKE_RUN)
    if not manager.file.exists():
        raise CommandError("no service is installed: `imagecache service install` installs it")
    _refuse_another_clone(manager, clone, MAKE_RUN)
    _run(manager.restart)
    screen.show({"restarted": True}, "restarted; `imagecache service status` says when it is ready")


@app.command()
def status(context: typer.Context) -> int:
    """Show whether the service runs, since when, and the link of the page. Exit code 0 if it is ready."""
    outside, screen = _opened(context)
    clone = _clone(outside)
    is_installed = is_service_installed(MAKE_RUN, outside)
    state = _state(clone)
    document = {
        "installed": is_installed,
        "state": state.state,
        "since": state.since,
        "failures": state.failures,
        "lastBackup": state.last_backup,
        "backupFailed": state.backup_failed,
    }
    screen.show(document, "\n".join(_lines(state, clone, is_installed=is_installed)))
    return 0 if state.state == _READY else 1


@app.command()
def logs(
    context: typer.Context,
    lines: Annotated[int, typer.Option("-n", "--lines", min=1, help="How many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Wait for further lines.")] = False,
) -> None:
    """Print the last lines of the log. It has no tokens, and keeps its last five megabytes."""
    outside, _ = _opened(context)
    print_logs(MAKE_RUN, outside, lines=lines, follow=follow)


def print_logs(service: Service, outside: Outside, *, lines: int, follow: bool) -> None:
    """Prints the last lines of a service's log, and with `follow` those to come. Raises CommandError."""
    file = _clone(outside) / service.folder / "service.log"
    if not file.exists():
        raise CommandError(f"there is no log yet: `{service.install}` starts the service")
    with file.open(encoding="utf-8", errors="replace") as log:
        for line in collections.deque(log, maxlen=lines):
            typer.echo(line, nl=False)
    while follow:
        file_id = file.stat().st_ino
        with file.open(encoding="utf-8", errors="replace") as log:
            log.seek(0, os.SEEK_END)
            _print_until_rotated(log.readline, file, file_id, outside.sleep)


def _print_until_rotated(
    next_line: Callable[[], str], file: Path, file_id: int, sleep: Callable[[float], None]
) -> None:
    while True:
        if line := next_line():
            typer.echo(line, nl=False)
        elif not file.exists() or file.stat().st_ino != file_id:
            return
        else:
            sleep(0.5)


def _opened(context: typer.Context) -> tuple[Outside, Screen]:
    options: Options = context.meta["options"]
    return context.meta["outside"], Screen.open(as_json=options.as_json)


def _clone(outside: Outside) -> Path:
    """Returns the clone of this command. Raises SettingsError for a command that was installed elsewhere."""
    if not (outside.clone / _SUPERVISOR).is_file():
        raise SettingsError("the service runs from a clone: use `.local/bin/imagecache service` in the clone")
    return outside.clone


def is_service_installed(service: Service, outside: Outside) -> bool:
    """Returns whether the system starts this service of this clone. Raises CommandError."""
    clone = _clone(outside)
    return _installed_clone(_manager(clone, outside.environment, service).file) == str(clone)


def _manager(clone: Path, environment: Mapping[str, str], service: Service) -> Manager:
    """Returns the manager of services of this system. Raises CommandError if there is none that we know."""
    home = Path(environment.get("HOME") or Path.home())
    if sys.platform == "darwin":
        return launchd(clone, home, service)
    if sys.platform.startswith("linux") and shutil.which("systemctl"):
        config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
        return systemd(clone, config, service)
    raise CommandError(
        "this system has neither systemd nor launchd: start tools/supervisor.py with what it has instead"
    )


def systemd(clone: Path, config: Path, service: Service = MAKE_RUN) -> Manager:
    """Returns the user's systemd. `config` is the user's folder of settings, such as ~/.config."""
    unit = f"{service.name}.service"
    control = ("systemctl", "--user")
    content = _UNIT.format(
        description=service.description,
        clone=_checked(clone),
        python=_checked(_python()),
        # In an argument, but not in the path of the program, $ begins a variable.
        supervisor=_checked(clone / _SUPERVISOR).replace("$", "$$"),
        arguments="".join(f" {argument}" for argument in service.arguments),
    )
    return Manager(
        file=config / "systemd" / "user" / unit,
        content=content.encode(),
        start=((*control, "daemon-reload"), (*control, "enable", "--now", unit)),
        stop=((*control, "disable", "--now", unit),),
        restart=(*control, "restart", unit),
        after_removal=((*control, "daemon-reload"), (*control, "reset-failed", unit)),
    )


def launchd(clone: Path, home: Path, service: Service = MAKE_RUN) -> Manager:
    """Returns the user's launchd."""
    file = home / "Library" / "LaunchAgents" / f"{service.label}.plist"
    domain = f"gui/{os.getuid()}"
    job = {
        "Label": service.label,
        "ProgramArguments": [str(_python()), str(clone / _SUPERVISOR), *service.arguments],
        "WorkingDirectory": str(clone),
        "RunAtLoad": True,
        "KeepAlive": True,
        "ThrottleInterval": 10,
        "ExitTimeOut": 90,
        "ProcessType": "Background",
    }
    return Manager(
        file=file,
        content=plistlib.dumps(job),
        start=(("launchctl", "bootstrap", domain, str(file)),),
        stop=(("launchctl", "bootout", f"{domain}/{service.label}"),),
        restart=("launchctl", "kickstart", "-k", f"{domain}/{service.label}"),
        is_loaded=("launchctl", "print", f"{domain}/{service.label}"),
    )


def _python() -> Path:
    """Returns the Python from which the environment of this command was made, which outlives it."""
    return Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")


def _checked(path: Path) -> str:
    """Returns a path for a unit file. Raises SettingsError if it has a character that units refuse."""
    text = str(path)
    if any(character in text for character in '\n"\\'):
        raise SettingsError(f"systemd does not accept the path {text}: move the clone to a simpler one")
    return text.replace("%", "%%")  # a single one begins a specifier


def _installed_clone(file: Path) -> str | None:
    """Returns the folder of the clone whose service is installed, or None if there is none.

    A person may have changed the file so that it does not say that any more.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    if file.suffix == ".plist":
        try:
            return str(plistlib.loads(content)["WorkingDirectory"])
        except (ValueError, KeyError, TypeError, ExpatError):
            return None
    for line in content.decode(errors="replace").splitlines():
        if line.startswith("WorkingDirectory="):
            return line.partition("=")[2].replace("%%", "%")
    return None


def _refuse_another_clone(manager: Manager, clone: Path, service: Service) -> None:
    """Raises SettingsError if the installed service is that of another clone that still exists."""
    other = _installed_clone(manager.file)
    if other is not None and other != str(clone) and (Path(other) / _SUPERVISOR).exists():
        raise SettingsError(
            f"the service of another clone is installed ({other}):"
            f" run `imagecache {service.verb} uninstall` there"
        )


def _stop(manager: Manager, sleep: Callable[[float], None]) -> None:
    """Stops the service, and waits for its end. What is not running needs not be stopped."""
    for command in manager.stop:
        with suppress(CommandError):
            _run(command)
    if manager.is_loaded:
        with suppress(CommandError):
            for _ in range(_STOP_SECONDS):
                _run(manager.is_loaded)
                sleep(1)


def _run(command: tuple[str, ...], *, by_hand: str = MAKE_RUN.by_hand) -> None:
    """Runs a command of the manager. Raises CommandError with its first line of output if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    except OSError as error:
        raise CommandError(f"{command[0]} cannot be started: {error.strerror}") from error
    if done.returncode:
        reason = " ".join((done.stderr or done.stdout).split())[:200]
        # There is no such session after `su`, in a container, or for root.
        advice = (
            f": log in as your own user, or use `{by_hand}` instead" if "connect to bus" in reason else ""
        )
        raise CommandError(
            f"`{' '.join(command)}` failed: {reason or f'exit code {done.returncode}'}{advice}"
        )


def _remove(manager: Manager, folder: Path) -> None:
    """Deletes what `install` has written, and the logs."""
    manager.file.unlink(missing_ok=True)
    for command in manager.after_removal:
        with suppress(CommandError):  # A unit that has not failed cannot be reset.
            _run(command)
    shutil.rmtree(folder, ignore_errors=True)


def _write_private(file: Path, content: bytes) -> None:
    """Writes a file that only this user may read, because settings contain Beeper's token."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)


def _state(clone: Path) -> State:
    """Returns the state that the supervisor has recorded, if it runs, and the outcome of the last backup."""
    folder = clone / MAKE_RUN.folder
    is_running = is_locked(folder / "lock")
    recorded = _recorded(folder / "state.json") if is_running else {}
    backup = _recorded(folder / "last-backup.json")
    state = recorded.get("state", _STARTING if is_running else "stopped")
    return State(
        # A stack that has just ended has no address any more.
        state=_STARTING if state == _READY and _link(clone) is None else state,
        since=_iso8601(recorded.get("since")),
        failures=recorded.get("failures", 0),
        last_backup=_iso8601(backup.get("ended_at")),
        backup_failed=not backup.get("succeeded", True),
    )


def _recorded(file: Path) -> dict[str, Any]:
    """Returns what the supervisor has written into a file, or an empty object if the file is damaged."""
    try:
        recorded = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return recorded if isinstance(recorded, dict) else {}


def _iso8601(seconds: Any) -> str | None:
    """Returns a time in seconds since 1970 in ISO 8601, or None if it is no such time."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _lines(state: State, clone: Path, *, is_installed: bool) -> Iterator[str]:
    """Yields what `status` says to a person."""
    if not is_installed:
        yield "not installed: `imagecache service install` installs it"
    if is_installed or state.since:
        yield state.state + (f" since {utc(state.since)}" if state.since else "")
    if state.failures and state.state != _READY:
        yield f"starts in a row that have failed: {state.failures}; `imagecache service logs` says why"
    if state.backup_failed:
        yield f"the backup at {utc(state.last_backup)} has failed; `imagecache service logs` says why"
    elif state.last_backup:
        yield f"last backup {utc(state.last_backup)}"
    if state.state == _READY:
        yield f"open {_link(clone)}"


def _link(clone: Path) -> str | None:
    """Returns the link of the page, as `make run` prints it, or None while `make run` is not running."""
    content = _recorded(clone / ".local" / "access.json")
    return f"{content['url']}#token={content['readToken']}" if "url" in content else None
