"""`python -m tests.engine.dynamodb_relay EMULATOR SOCKET`, in a network of its own: runs DynamoDB Local.

DynamoDB Local listens on TCP alone, which nothing outside of that network can reach. The relay passes on what
arrives at a UNIX socket, which only this user can reach. It prints a line when it is ready, and ends when its
standard input does: however the caller ends, nothing is left.
"""

import os
import socket
import socketserver
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

from tests.engine.dynamodb_local import dynamodb_local

_BUFFER_BYTES = 65536


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    """Relays connections until it is killed or its standard input ends."""
    threading.Thread(target=_end_with_caller, daemon=True).start()
    emulator, path = sys.argv[1:]
    with dynamodb_local(Path(emulator)) as endpoint:
        address = urlsplit(endpoint)

        class Relay(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection((address.hostname, address.port)) as upstream:
                    answers = threading.Thread(target=_copy, args=(upstream, self.request), daemon=True)
                    answers.start()
                    _copy(self.request, upstream)
                    answers.join()

        with _Server(path, Relay) as server:
            print("ready", flush=True)  # noqa: T201 - what the caller reads
            server.serve_forever()


def _end_with_caller() -> None:
    sys.stdin.read()
    os._exit(0)  # the first process of its namespace, so DynamoDB Local ends with it


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copies until the source has ended, and then ends the target."""
    try:
        while content := source.recv(_BUFFER_BYTES):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side was stopped in the middle of a request


if __name__ == "__main__":
    main()
