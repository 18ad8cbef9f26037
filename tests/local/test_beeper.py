"""A problem with Beeper is one line, whatever answers at its address."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from local.beeper import find_problem
from local.connect import Connector
from local.settings import Origin


@pytest.fixture
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yields the address of a server that answers two connections with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)  # for a test that fails

        def answer() -> None:
            with suppress(TimeoutError):
                for _ in range(2):
                    connection, _address = server.accept()
                    with connection:
                        connection.recv(1000)
                        connection.sendall(request.param)

        answering = threading.Thread(target=answer)
        answering.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        answering.join()


@pytest.mark.parametrize(
    "address",
    [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n"],
    indirect=True,
    ids=["nothing", "ssh", "headers"],
)
def test_a_server_that_is_not_beeper_is_named_in_one_line(address: str, tmp_path: Path) -> None:
    problem = find_problem(Origin(address, "t"), if_refused="connect it again")
    assert problem
    assert f"Beeper at {address} cannot be reached" in problem
    assert "\n" not in problem
    assert "OpenSSH" not in problem
    assert not Connector(tmp_path / "connection.json", address).finds_beeper()


def test_a_name_that_cannot_be_looked_up_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(address: tuple[str, int], *_: object, **__: object) -> None:
        address[0].encode("idna")  # as the socket does

    monkeypatch.setattr(socket, "create_connection", look_up)
    url = "https://beeper..example"
    problem = find_problem(Origin(url, "t"), if_refused="connect it again")
    assert problem
    assert f"Beeper at {url} cannot be reached" in problem
    assert not Connector(tmp_path / "connection.json", url).finds_beeper()
