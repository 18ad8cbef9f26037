"""`make run` ends in every way there is, says what is wrong in one line, and leaves nothing behind."""

import os
import signal
import socket

import pytest

from local.processes import leftovers
from tests.end_to_end.conftest import Clone, stop, wait_until

pytestmark = pytest.mark.engine


def test_a_clone_runs_once(clone: Clone) -> None:
    first = clone.run()
    wait_until(lambda: bool(clone.processes()), seconds=30, what="the engine is starting")
    _, errors = clone.run().communicate(timeout=30)
    assert errors.count("\n") == 1
    assert "runs already" in errors
    stop(first)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_signal_while_it_starts_leaves_nothing(clone: Clone, number: int, status: int) -> None:
    process = clone.run()
    wait_until(lambda: bool(clone.processes()), seconds=30, what="the engine is starting")
    assert stop(process, number)[0] == status
    assert clone.is_clean()


def test_beeper_that_is_away_is_named_and_the_rest_serves(clone: Clone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = listener.getsockname()[1]
    process = clone.run_until_ready(BEEPER_URL=f"http://127.0.0.1:{nobody}", BEEPER_TOKEN="t")
    assert clone.get("/api/chats?limit=50")["chats"] == []
    status, errors = stop(process)
    assert status == 0
    assert f"Beeper at http://127.0.0.1:{nobody} cannot be reached" in errors


def test_taken_port_is_said_before_anything_starts(clone: Clone) -> None:
    with socket.create_server(("127.0.0.1", clone.port)):
        process = clone.run()
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors.count("\n")) == (2, 1)
    assert f"PORT {clone.port}" in errors
    assert not (clone.root / ".local" / "demo").exists()


def test_engine_that_dies_stops_everything(clone: Clone) -> None:
    process = clone.run_until_ready()
    for pid in leftovers(clone.root / ".local" / "demo"):
        os.kill(pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "stopped: ministack ended" in errors
    assert clone.is_clean()
