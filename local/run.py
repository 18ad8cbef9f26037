"""Runs the whole system on this machine until it is stopped: `make run`.

Without a Beeper it shows the demo account, and the page can connect a Beeper. The stack is then stopped, and
started again with the other account, by the same process.

The exit code is 0 if it was stopped when it was ready, and 128 + the signal's number if it was stopped
earlier. It is 1 if one of its processes or the disk failed, and 2 if a setting is wrong, the port is taken,
or this folder's stack is running already.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import FrameType

from botocore.exceptions import BotoCoreError, ClientError

from deployment.page import publish_page
from local.access import (
    Access,
    add_demo_access,
    add_engine_access,
    load_or_make_access,
    remove_addresses,
)
from local.beeper import find_problem
from local.clients import client
from local.connect import Connector
from local.connect_routes import ConnectRoutes
from local.console import announce, complain, say
from local.demo_account import DemoServers, demo_account
from local.demo_contacts import bring_contacts, import_from_dex
from local.deploy import DeployedStack, DeployError
from local.edge_server import EdgeServer
from local.edge_site import Site
from local.engine import REGION
from local.hints import hinted_syncs
from local.packages import BuildError
from local.processes import ChildError, try_lock
from local.readiness import NotReadyError, wait_for_chats
from local.restore import Restore, RestoreError
from local.settings import Origin, Origins, Settings, SettingsError, read_settings
from local.stack import (
    STACK_NAME,
    has_rows,
    local_stack,
    pause_queue,
    release_sync_lock,
    resume_queue,
    start_first_sync,
)
from local.template import ROOT, TemplateError, read_template

_DEX_URL = "https://api.getdex.com"
_STATE = ROOT / ".local"
_ACCESS = _STATE / "access.json"
_CONNECTION = _STATE / "connection.json"
_FAILURES = (
    BuildError,
    ChildError,
    DeployError,
    NotReadyError,
    RestoreError,
    TemplateError,
    BotoCoreError,
    ClientError,
    OSError,  # of the disk, which may be full or not writable
)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SECONDS_BETWEEN_CHECKS = 0.5


class AccountChangedError(Exception):
    """A person has connected or disconnected Beeper, so the running stack is that of another account."""


def main() -> int:
    """Runs until a signal or a failure, and returns the exit code."""
    _stop_on_signals(ready=False)
    os.umask(0o077)  # what we and our children write is readable by this user only
    _ignore_aws_settings()
    try:
        settings = read_settings(os.environ, read_template())
        with _only_run(settings.port), _edge_server(settings.port) as server, server.serving() as address:
            connector = Connector(_CONNECTION, settings.beeper_url)
            restore = Restore(settings.restore)
            while True:
                with contextlib.suppress(AccountChangedError):
                    _run(settings, server, address, connector, restore)
                say("the account has changed: starting again with the other one")
    except SettingsError as error:
        complain(str(error))
        return 2
    except _FAILURES as error:
        complain(f"stopped: {error}")
        return 1
    return 0


def _run(
    settings: Settings, server: EdgeServer, address: str, connector: Connector, restore: Restore
) -> None:
    """Starts the stack, announces that it is ready, and watches its processes. Ends only by an exception.

    That is AccountChangedError after a person has connected or disconnected Beeper.
    """
    changes = connector.changes
    access = load_or_make_access(_ACCESS, address)
    server.connect_routes = ConnectRoutes(
        connector,
        tokens=(access.read_token, access.admin_token),
        has_fixed_token=settings.beeper is not None,
        on_change=server.close_site,
    )
    with contextlib.ExitStack() as running:
        beeper = settings.beeper or connector.beeper
        demo = None if beeper else running.enter_context(demo_account(_STATE / "demo-account"))
        origins = _origins(settings, beeper, demo)
        say("starting the engine and deploying template.yaml")
        # Two folders, because the demo account's chats must never be mixed with the person's chats.
        folder = _STATE / ("demo" if demo else "beeper")
        stack = running.enter_context(_stack(folder, settings, origins, access))
        running.callback(pause_queue, stack)
        # Nobody may be sent to the ports of an engine that is about to stop.
        running.callback(load_or_make_access, _ACCESS, address)
        running.callback(server.close_site)
        children = [stack.engine.child, *([demo.child] if demo else [])]

        def check() -> None:
            if connector.changes != changes:
                raise AccountChangedError
            for child in children:
                child.check()

        release_sync_lock(stack)
        check()
        server.site = Site(stack, allowed_origins=settings.allowed_origins)
        wait_for = partial(wait_for_chats, address, access.read_token, check=check, say=say)
        with ThreadPoolExecutor(1) as pool:
            publishing = pool.submit(_publish, stack)
            # The page of a later start needs one function, which starts faster while no other function does.
            shows_faces = has_rows(stack, "BeeperChatsTable") and wait_for(want_faces=False)
            publishing.result()
        if demo:
            demo.wait()
            add_demo_access(_ACCESS, demo.access)
            bring_contacts(stack, demo, address, access.admin_token, check=check)
        elif origins.dex:
            import_from_dex(stack, wait=False)
        if not demo:
            restore.run(check, pause=partial(pause_queue, stack))
        advice = "set BEEPER_TOKEN to a new one" if settings.beeper else "connect it again in the page"
        beeper_problem = find_problem(origins.beeper, if_refused=advice)
        resume_queue(stack)
        running.enter_context(_syncing(stack, origins.beeper))
        kind = "sync" if shows_faces else "first sync"
        say(beeper_problem or f"{kind}: reading chats, caching their pictures")
        if not shows_faces:
            wait_for(want_faces=beeper_problem is None)
        _stop_on_signals(ready=True)
        _announce_ready(address, access, restores=restore.folder, is_demo=demo is not None)
        while True:
            check()
            time.sleep(_SECONDS_BETWEEN_CHECKS)


def _announce_ready(address: str, access: Access, *, restores: Path | None, is_demo: bool) -> None:
    """Writes the link and the tokens to stdout. `restores` is the backup that is still to be restored."""
    announce(f"ready {address}#token={access.read_token}")
    announce(f"admin token: {access.admin_token}")
    if is_demo:
        say("these chats are made up: the page has a button to connect your Beeper")
    if restores:
        say(f"{restores} is restored as soon as your Beeper is connected")


@contextlib.contextmanager
def _syncing(stack: DeployedStack, beeper: Origin) -> Iterator[None]:
    """Starts the first sync, and syncs during the block whenever Beeper's events tell of changes.

    The schedule of the template starts further syncs. The events are listened to from before the first sync
    on, so that no change is missed.
    """
    with hinted_syncs(stack, beeper):
        start_first_sync(stack)
        yield


def _origins(settings: Settings, beeper: Origin | None, demo: DemoServers | None) -> Origins:
    """Returns the servers of the demo account if there is one, or else the person's own servers."""
    if demo:
        return Origins(demo.beeper, demo.media_server, demo.dex)
    assert beeper  # noqa: S101 - without it there is a demo account
    dex = Origin(_DEX_URL, settings.dex_key) if settings.dex_key else None
    return Origins(beeper, settings.media_server, dex)


def _stack(
    folder: Path, settings: Settings, origins: Origins, access: Access
) -> contextlib.AbstractContextManager[DeployedStack]:
    parameters = {"BeeperUrl": origins.beeper.url, "AllowedOrigins": ",".join(settings.allowed_origins)}
    secrets = {
        "beeper-token": origins.beeper.token,
        "read-token": access.read_token,
        "admin-token": access.admin_token,
    }
    if settings.default_region:
        parameters["DefaultRegion"] = settings.default_region
    if settings.contact_url:
        parameters["ContactUrl"] = settings.contact_url
    if settings.former_pictures:
        parameters["FormerPictures"] = settings.former_pictures
    if origins.media_server:
        parameters["MediaServerUrl"] = origins.media_server.url
        secrets["media-server-token"] = origins.media_server.token
    if origins.dex:
        parameters["DexUrl"] = origins.dex.url
        parameters["DexApiKeyParameter"] = f"/{STACK_NAME}/dex-api-key"
        secrets["dex-api-key"] = origins.dex.token
    return local_stack(folder, parameters=parameters, secrets=secrets)


def _publish(stack: DeployedStack) -> None:
    """Stores the page in the web bucket, and the engine's address and token in `.local/access.json`."""
    engine = stack.engine
    add_engine_access(_ACCESS, endpoint=engine.endpoint, region=REGION, token=engine.token, stack=STACK_NAME)
    publish_page(client(engine, "s3"), stack.outputs["WebBucket"], ROOT / "web")


@contextlib.contextmanager
def _only_run(port: int) -> Iterator[None]:
    """Raises SettingsError if another process runs this folder's stack.

    The addresses in `.local/access.json` are those of this run only, from its start until its end.
    """
    _STATE.mkdir(exist_ok=True)
    _STATE.chmod(0o700)  # the state holds tokens as plain text
    with try_lock(_STATE / "run.lock", f"process {os.getpid()}, http://127.0.0.1:{port}/") as holder:
        if holder:
            raise SettingsError(
                f"this folder's stack runs already ({holder}): stop it first, or use another clone"
            )
        remove_addresses(_ACCESS)
        try:
            yield
        finally:
            remove_addresses(_ACCESS)


def _edge_server(port: int) -> EdgeServer:
    """Creates the local server, which opens the port. Raises SettingsError if the port is taken."""
    try:
        return EdgeServer(port)
    except OSError as error:
        raise SettingsError(
            f"PORT {port} cannot be used ({error.strerror}): try PORT={port % 65535 + 1}"
        ) from error


def _ignore_aws_settings() -> None:
    """Removes the person's AWS settings, because they may contain a missing profile or a real account."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def _stop_on_signals(*, ready: bool) -> None:
    """Makes Ctrl-C, `kill` and a closed terminal stop all processes in order."""

    def stop(number: int, _: FrameType | None) -> None:
        for name in _SIGNALS:
            signal.signal(name, signal.SIG_IGN)  # stopping takes seconds and must not be interrupted
        say("stopping")
        sys.exit(0 if ready else 128 + number)

    for name in _SIGNALS:
        # `nohup make run` ignores SIGHUP, because it is meant to outlive its terminal.
        if not (name == signal.SIGHUP and signal.getsignal(name) == signal.SIG_IGN):
            signal.signal(name, stop)


if __name__ == "__main__":
    sys.exit(main())
