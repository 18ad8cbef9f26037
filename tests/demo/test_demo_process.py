"""`python -m demo` as a process."""

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from demo.service import BEEPER_TOKEN
from tests.listening import listening_addresses

A_DAY = timedelta(days=1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(port: int, media_port: int, *options: str, **environment: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "demo", "--port", str(port), "--media-port", str(media_port), *options]
    return subprocess.Popen(  # noqa: S603 - our own module
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            requests.get(f"http://127.0.0.1:{port}/v1/info", timeout=60)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the demo account did not start")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_both_ports_and_ends_silently(ending: signal.Signals) -> None:
    port = _free_port()
    media_port = _free_port()
    with _start(port, media_port) as process:
        _wait_until_ready(port)
        assert requests.get(f"http://127.0.0.1:{media_port}/", timeout=60).status_code == 401
        process.send_signal(ending)
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "")


def test_the_demo_account_listens_on_loopback_only() -> None:
    port = _free_port()
    media_port = _free_port()
    with _start(port, media_port) as process:
        _wait_until_ready(port)
        addresses = listening_addresses([process.pid])
        process.kill()
    assert addresses == {("127.0.0.1", port), ("127.0.0.1", media_port)}


def test_its_newest_chat_is_of_the_last_24_hours_and_its_control_token_that_of_the_environment() -> None:
    port = _free_port()
    with _start(port, _free_port(), DEMO_CONTROL_TOKEN="control") as process:
        _wait_until_ready(port)
        control = {"Authorization": "Bearer control"}
        faults = requests.get(f"http://127.0.0.1:{port}/_demo/faults", headers=control, timeout=60)
        headers = {"Authorization": f"Bearer {BEEPER_TOKEN}"}
        page = requests.get(f"http://127.0.0.1:{port}/v1/chats?limit=1", headers=headers, timeout=60).json()
        process.terminate()
        process.communicate(timeout=60)
    assert faults.status_code == 200
    newest = datetime.fromisoformat(page["items"][0]["lastActivity"])
    assert timedelta() < datetime.now(UTC) - newest < A_DAY


def test_it_serves_an_account_as_an_older_beeper_does() -> None:
    port = _free_port()
    with _start(port, _free_port(), "--old-server", "--scale", "0.01") as process:
        _wait_until_ready(port)
        headers = {"Authorization": f"Bearer {BEEPER_TOKEN}"}
        page = requests.get(f"http://127.0.0.1:{port}/v1/chats?limit=1", headers=headers, timeout=60).json()
        process.terminate()
        process.communicate(timeout=60)
    assert len(page["items"]) == 25
    assert "network" not in page["items"][0]


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        with _start(port, _free_port()) as process:
            output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"cannot listen on port {port}" in output
