"""A server on 127.0.0.1 that sends exactly the bytes that a test chooses: raw sockets, no HTTP library."""

import contextlib
import datetime
import re
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Say = Callable[[socket.socket], None]


class Origin:
    """`with Origin(say) as origin`: `say` answers every request.

    `origin.requests` has their heads, and `origin.bodies` the bodies of those that have one.
    """

    def __init__(self, say: Say, *, tls: ssl.SSLContext | None = None) -> None:
        self._say = say
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.sent = 0
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        # Each connection is closed by the thread that serves it. If it were closed here, the number of its
        # file could belong to a connection of the next test while that thread still reads from it.
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            stack.enter_context(connection)
            self._open.append(connection)
            while received := _head(connection):
                head, body = received
                length = re.search(r"\r\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
                if length:
                    self.bodies.append(_body(connection, head, body, int(length[1])))
                self.requests.append(head)
                self.answer_to(head)(connection)

    def answer_to(self, head: str) -> Say:  # noqa: ARG002 - for subclasses
        """Returns what answers the request with this head."""
        return self._say


def _head(connection: socket.socket) -> tuple[str, bytes] | None:
    """Returns a request up to its empty line, and what came with it. Returns None if the client hangs up."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(4096)
        if not part:
            return None
        received += part
    head, end, body = received.partition(b"\r\n\r\n")
    return (head + end).decode("latin-1"), body


def _body(connection: socket.socket, head: str, body: bytes, length: int) -> bytes:
    """Returns the body of a request, of which the beginning came with its head."""
    if "\r\nexpect: 100-continue\r\n" in head.lower():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while len(body) < length and (part := connection.recv(65_536)):
        body += part
    return body


def answer(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> Say:
    """Sends a whole answer. `length` is its Content-Length if that is to be wrong."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]

    def say(connection: socket.socket) -> None:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return say


def until_close(status: str, body: bytes, *headers: str) -> Say:
    """Sends an answer without a length, which ends with its connection."""

    def say(connection: socket.socket) -> None:
        connection.sendall("\r\n".join([f"HTTP/1.1 {status}", *headers]).encode() + b"\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_RDWR)

    return say


def cut_short(status: str, body: bytes, length: int) -> Say:
    """Announces more than it sends, then hangs up."""
    whole = answer(status, body, length=length)

    def say(connection: socket.socket) -> None:
        whole(connection)
        connection.shutdown(socket.SHUT_RDWR)

    return say


def drip(first: bytes) -> Say:
    """Sends `first` at once, then 20 single bytes a second.

    It ends after a minute, so that a client without a deadline fails its test instead of waiting for ever.
    """

    def say(connection: socket.socket) -> None:
        connection.sendall(first)
        for _ in range(20 * 60):
            time.sleep(0.05)
            connection.sendall(b"x")

    return say


class Flood:
    """A body without length and without end. `sent` counts the bytes that the client took."""

    def __init__(self, head: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> None:
        self._head = head
        self.sent = 0

    def __call__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        connection.sendall(self._head)
        while True:
            self.sent += connection.send(b"\xff" * 16_384)


@contextlib.contextmanager
def certificate(host: str) -> Iterator[tuple[ssl.SSLContext, str]]:
    """Yields a server's TLS context for `host`, and the file of the authority that clients have to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [x509.DNSName(host)]
    with contextlib.suppress(ValueError):
        names = [x509.IPAddress(ip_address(host))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    with tempfile.TemporaryDirectory() as folder:
        public, private = Path(folder, "public.pem"), Path(folder, "private.pem")
        public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(public, private)
        yield context, str(public)
