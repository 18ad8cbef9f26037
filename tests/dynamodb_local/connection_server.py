"""Runs DynamoDB Local in a network of its own: `python -m tests.dynamodb_local.connection_server ...`.

DynamoDB Local listens on TCP alone, which nothing outside of that network can reach. But a connection that
was made inside can be used outside. So each program that connects to a UNIX socket, which only this user can
reach, receives a new connection from it. The arguments are the folder of the emulator and the path of that
socket. This program prints a line when it is ready, and ends when its standard input does: however the caller
ends, nothing is left.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from local.template import ROOT
from tests.dynamodb_local.program import OWN_NETWORK, dynamodb_local


@contextlib.contextmanager
def handing_out_connections(emulator: Path, path: Path) -> Iterator[None]:
    """Runs this program until the end of the block, with its UNIX socket at that path."""
    command = [*OWN_NETWORK, sys.executable, "-m", __name__, str(emulator), str(path)]
    with subprocess.Popen(  # noqa: S603 - fixed arguments
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        try:
            assert program.stdout
            assert program.stdout.readline() == b"ready\n"
            yield
        finally:
            program.kill()


def main() -> None:
    """Hands out connections until it is killed or its standard input ends."""
    threading.Thread(target=_end_with_caller, daemon=True).start()
    emulator, path = sys.argv[1:]
    with dynamodb_local(Path(emulator)) as endpoint, socket.socket(socket.AF_UNIX) as server:
        address = urlsplit(endpoint)
        server.bind(path)
        server.listen(128)
        print("ready", flush=True)  # noqa: T201 - what the caller reads
        while True:
            caller, _ = server.accept()
            with caller, socket.create_connection((address.hostname, address.port)) as connection:
                socket.send_fds(caller, [b"."], [connection.fileno()])


def _end_with_caller() -> None:
    sys.stdin.read()
    os._exit(0)  # the first process of its namespace, so DynamoDB Local ends with it


if __name__ == "__main__":
    main()
