"""`make run` says in one line why it does not start or why it ends, and leaves no process behind."""

import signal
import socket

import pytest

from tests.end_to_end.conftest import LIMIT_SECONDS, Clone, stop, wait_until

pytestmark = pytest.mark.engine


def test_a_second_run_in_the_same_clone_is_refused(clone: Clone) -> None:
    first = clone.run()
    wait_until(lambda: bool(clone.processes()), what="the engine is starting")
    _, errors = clone.run().communicate(timeout=LIMIT_SECONDS)
    assert errors.count("\n") == 1
    assert "runs already" in errors
    stop(first)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_during_the_start_leaves_no_process_and_no_temporary_folder(
    clone: Clone, number: int, status: int
) -> None:
    process = clone.run()
    wait_until(lambda: bool(clone.processes()), what="the engine is starting")
    assert stop(process, number)[0] == status
    # A child that was just being started ends by itself when its parent has ended.
    wait_until(clone.is_clean, what="no process and no temporary folder is left")


def test_a_beeper_that_cannot_be_reached_is_named_and_the_api_answers(clone: Clone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free_port = listener.getsockname()[1]
    process = clone.run_until_ready(BEEPER_URL=f"http://127.0.0.1:{free_port}", BEEPER_TOKEN="t")
    assert clone.get("/api/chats?limit=50")["chats"] == []
    assert clone.access.keys() >= {"url", "engine"}
    status, errors = stop(process)
    assert status == 0
    # No program sends a token to whatever listens on these ports next.
    assert clone.access.keys() == {"readToken", "adminToken"}
    assert f"Beeper at http://127.0.0.1:{free_port} cannot be reached" in errors


def test_a_taken_port_is_named_before_anything_starts(clone: Clone) -> None:
    with socket.create_server(("127.0.0.1", clone.port)):
        process = clone.run()
        _, errors = process.communicate(timeout=LIMIT_SECONDS)
    assert (process.returncode, errors.count("\n")) == (2, 1)
    assert f"PORT {clone.port}" in errors
    assert not (clone.root / ".local" / "demo").exists()
