"""`make run`: engine, demo account, stack, local server, first sync; then nothing until it is told to stop.

Exit codes: 0 stopped after it was ready; 128 + signal: stopped before; 1: something of ours failed; 2: a
setting is wrong, the port is taken, or it runs already.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from deployment.page import publish_page
from local.access import Access, local_access, tell_engine
from local.beeper import complaint
from local.console import announce, complain, say
from local.demo_account import demo_account
from local.demo_contacts import bring_contacts, import_from_dex
from local.deploy import DeployError, Stack
from local.edge_server import EdgeServer
from local.edge_site import Site
from local.engine import REGION
from local.packages import BuildError
from local.processes import Child, ChildError, only_one
from local.readiness import NotReadyError, wait_for_chats
from local.settings import Origin, Origins, Settings, SettingsError, read_settings
from local.stack import STACK_NAME, local_stack, start_first_sync
from local.template import ROOT, TemplateError, read_template

_DEX = "https://api.getdex.com"
_STATE = ROOT / ".local"
_ACCESS = _STATE / "access.json"
_FAILURES = (BuildError, ChildError, DeployError, NotReadyError, TemplateError)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """The exit code."""
    _stop_on_signals(ready=False)
    _forget_aws()
    try:
        settings = read_settings(os.environ, read_template())
        with _only_run(settings.port), _edge_server(settings.port) as server, server.serving() as address:
            _run(settings, server, address)
    except SettingsError as error:
        complain(str(error))
        return 2
    except (*_FAILURES, BotoCoreError, ClientError) as error:
        complain(f"stopped: {error}")
        return 1
    return 0


def _run(settings: Settings, server: EdgeServer, address: str) -> None:
    access = local_access(_ACCESS, address)
    with contextlib.ExitStack() as running:
        if settings.beeper:
            demo, beeper, media_server = None, settings.beeper, settings.media_server
            dex = Origin(_DEX, settings.dex_key) if settings.dex_key else None
        else:
            demo = running.enter_context(demo_account(_STATE / "demo-account"))
            beeper, media_server, dex = demo.beeper, demo.media_server, demo.dex
        wrong = complaint(beeper)
        say("starting the engine and deploying template.yaml")
        # The demo account's chats and one's own are never mixed.
        folder = _STATE / ("demo" if demo else "beeper")
        stack = running.enter_context(_stack(folder, settings, Origins(beeper, media_server, dex), access))
        engine = stack.engine
        tell_engine(_ACCESS, endpoint=engine.endpoint, region=REGION, token=engine.token, stack=STACK_NAME)
        publish_page(boto3.client("s3", **stack.engine.access), stack.outputs["WebBucket"], ROOT / "web")
        server.site = Site(stack, demo_port=demo.port if demo else None)
        if demo:
            bring_contacts(stack, address, access.admin_token)
        elif dex:
            import_from_dex(stack, wait=False)
        start_first_sync(stack)
        say(wrong or "first sync: reading chats, caching their pictures")
        children = [stack.engine.child, *([demo.child] if demo else [])]
        wait_for_chats(
            address,
            access.read_token,
            want_faces=not wrong,
            check=lambda: _check(children),
            say=say,
        )
        _stop_on_signals(ready=True)
        announce(f"ready {address}#token={access.read_token}")
        announce(f"admin token: {access.admin_token}")
        while True:
            _check(children)
            time.sleep(0.5)


def _stack(
    folder: Path, settings: Settings, origins: Origins, access: Access
) -> contextlib.AbstractContextManager[Stack]:
    parameters = {"BeeperUrl": origins.beeper.url, "AllowedOrigins": ",".join(settings.allowed_origins)}
    secrets = {
        "beeper-token": origins.beeper.token,
        "read-token": access.read_token,
        "admin-token": access.admin_token,
    }
    if settings.default_region:
        parameters["DefaultRegion"] = settings.default_region
    if origins.media_server:
        parameters["MediaServerUrl"] = origins.media_server.url
        secrets["media-server-token"] = origins.media_server.token
    if origins.dex:
        parameters |= {"DexUrl": origins.dex.url, "DexApiKeyParameter": f"/{STACK_NAME}/dex-api-key"}
        secrets["dex-api-key"] = origins.dex.token
    return local_stack(folder, parameters=parameters, secrets=secrets)


def _check(children: list[Child]) -> None:
    for child in children:
        child.check()


@contextlib.contextmanager
def _only_run(port: int) -> Iterator[None]:
    _STATE.mkdir(exist_ok=True)
    _STATE.chmod(0o700)  # the state holds tokens in the clear
    with only_one(_STATE / "run.lock", f"process {os.getpid()}, http://127.0.0.1:{port}/") as other:
        if other:
            raise SettingsError(
                f"this folder's stack runs already ({other}): stop it first, or use another clone"
            )
        yield


def _edge_server(port: int) -> EdgeServer:
    try:
        return EdgeServer(port)
    except OSError as error:
        raise SettingsError(
            f"PORT {port} cannot be used ({error.strerror}): try PORT={port % 65535 + 1}"
        ) from error


def _forget_aws() -> None:
    """A person's own profile has no part in this: it may not exist here, or worse, be used."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def _stop_on_signals(*, ready: bool) -> None:
    def stop(number: int, _: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)  # stopping takes its seconds, and must not be cut short
        say("stopping")
        sys.exit(0 if ready else 128 + number)

    for each in _SIGNALS:
        # `nohup make run` is meant to outlive its terminal.
        if not (each == signal.SIGHUP and signal.getsignal(each) == signal.SIG_IGN):
            signal.signal(each, stop)


if __name__ == "__main__":
    sys.exit(main())
