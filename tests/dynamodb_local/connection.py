"""A connection to DynamoDB Local, which was made in the network of its own that it has."""

import http.client
import socket
from pathlib import Path

_SECONDS = 60


class Connection(http.client.HTTPConnection):
    """Receives its connection from the UNIX socket of `tests.dynamodb_local.connection_server`."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        with socket.socket(socket.AF_UNIX) as giver:
            giver.connect(str(self._path))
            _, [descriptor], *_ = socket.recv_fds(giver, 1, 1)
        self.sock = socket.socket(fileno=descriptor)
        self.sock.settimeout(_SECONDS)
        # A request is sent in two pieces. Without this, the second one waits 40 ms for an acknowledgement.
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
