"""Every test: no account, no network but this machine's own, and nothing left out unseen."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester", "tests.skip_rule", "tests.report_measurements"]

# The result of a test depends neither on the speed of the machine nor on examples of an earlier run.
# `pytest --hypothesis-profile=random` tries new examples.
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("random", settings.get_profile("repeatable"), derandomize=False, print_blob=True)
settings.load_profile("repeatable")

LOOPBACK = ("127.", "::1", "localhost")
# A developer's own account, tunnel or Beeper must never be what a test talks to.
FOREIGN = (
    "AWS_",
    "BEEPER_",
    "MEDIA_SERVER_",
    "DEX_",
    "DEFAULT_REGION",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "PORT",
)
OURS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_MAX_ATTEMPTS": "1",
}


def pytest_configure() -> None:
    """Before anything is collected: entry points make their clients when they are imported."""
    for name in [name for name in os.environ if name.upper().startswith(FOREIGN)]:
        del os.environ[name]
    os.environ |= OURS


# Each has one thing for all its tests (a build, a running stack): two workers would make it twice.
TOGETHER = ("artifacts", "engine", "end_to_end", "page")


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in its own turn of this hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for folder in TOGETHER:
            if item.path.is_relative_to(Path(__file__).parent / folder):
                item.add_marker(pytest.mark.xdist_group(folder))


class OutsideConnectionError(AssertionError):
    """A test reached for another machine. No OSError, which the code under test would take for an outage."""


@pytest.fixture(scope="session")
def outside_connections() -> list[str]:
    """What was reached for since the running test began."""
    return []


@pytest.fixture(scope="session", autouse=True)
def _only_loopback(outside_connections: list[str]) -> Iterator[None]:
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def refuse_outside(host: object) -> None:
        if not str(host).startswith(LOOPBACK):
            outside_connections.append(str(host))
            raise OutsideConnectionError(str(host))

    def refuse_outside_of(connecting: socket.socket, address: Any) -> None:
        if connecting.family == socket.AF_UNIX:
            return
        try:
            refuse_outside(address[0])
        except OutsideConnectionError:
            connecting.close()  # nobody expects this error, so nobody else would
            raise

    def guarded_connect(self: socket.socket, address: Any) -> None:
        refuse_outside_of(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        refuse_outside_of(self, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host and not _is_address(host):  # to look up an address asks nobody
            refuse_outside(host)
        return getaddrinfo(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
        yield


@pytest.fixture(autouse=True)
def _no_outside_connection(outside_connections: list[str]) -> Iterator[None]:
    """Fails the test that reached out even where its code, or a thread of it, caught the error."""
    outside_connections.clear()
    yield
    if outside_connections:
        pytest.fail(f"reached for {', '.join(outside_connections)}")


def _is_address(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    try:
        socket.inet_aton(name)  # every spelling that getaddrinfo takes: 127.1, 0x7f000001
    except OSError:
        return ":" in name  # IPv6
    return True
