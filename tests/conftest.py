"""Keeps every test away from a developer's own accounts and from all other machines."""

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester", "tests.skip_rule", "tests.report_measurements", "tests.worker_groups"]

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
# Prefixes of variables that could lead a test to a developer's own account, tunnel or Beeper.
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
    """Sets the environment before tests are collected, because entry points make clients when imported."""
    for name in [name for name in os.environ if name.upper().startswith(FOREIGN)]:
        del os.environ[name]
    os.environ |= OURS


class OutsideConnectionError(AssertionError):
    """A test tried to reach another machine. An OSError would be taken for an outage by the tested code."""


@pytest.fixture(scope="session")
def outside_connections() -> list[str]:
    """Returns the hosts that the running test has tried to reach. Each test begins with an empty list."""
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
            connecting.close()  # the tested code does not expect this error, and would leave it open
            raise

    def guarded_connect(self: socket.socket, address: Any) -> None:
        refuse_outside_of(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        refuse_outside_of(self, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host and not _is_address(host):  # looking up an address sends nothing
            refuse_outside(host)
        return getaddrinfo(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
        yield


@pytest.fixture(autouse=True)
def _no_outside_connection(outside_connections: list[str]) -> Iterator[None]:
    """Fails a test that tried to reach another machine, even if its code or a thread caught the error."""
    outside_connections.clear()
    yield
    if outside_connections:
        pytest.fail(f"the test tried to reach {', '.join(outside_connections)}")


def _is_address(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    try:
        socket.inet_aton(name)  # accepts every spelling that getaddrinfo does: 127.1, 0x7f000001
    except OSError:
        return ":" in name  # IPv6
    return True
