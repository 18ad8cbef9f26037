"""Answers the DynamoDB clients of this process from AWS's own DynamoDB Local.

With moto's DynamoDB, the tests take twice as much CPU time, and it knows fewer of DynamoDB's rules.
"""

import atexit
import functools
import io
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import botocore.handlers
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from urllib3.util.wait import wait_for_read

from tests.dynamodb_local.connection import Connection
from tests.dynamodb_local.connection_server import handing_out_connections
from tests.dynamodb_local.program import emulator
from tests.tables import create_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_READING = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "DescribeTable"})
_answering: "list[LocalTables]" = []


@contextmanager
def empty_tables(*names: str) -> Iterator[bool]:
    """Provides the template's tables of these names, empty, until the end of the block, and yields True.

    DynamoDB Local answers all DynamoDB clients that were made after this module was imported. Where it cannot
    run, there are no tables, and False is yielded.
    """
    program = _started()
    if program is None:
        yield False
        return
    _answering.append(program)
    try:
        program.empty(*names)
        yield True
    finally:
        _answering.remove(program)


class LocalTables:
    """Sends requests to a running DynamoDB Local. Several threads can use it at the same time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[Connection] = []
        self._may_contain_items: dict[str, bool] = {}  # each table that exists, by its name

    @functools.cached_property
    def _dynamodb(self) -> "DynamoDBClient":
        return boto3.client("dynamodb")

    def empty(self, *names: str) -> None:
        """Creates these tables, and replaces those of them into which anything was written."""
        for name in names:
            if self._may_contain_items.get(name):
                self._dynamodb.delete_table(TableName=name)
            if name not in self._may_contain_items:
                create_tables(self._dynamodb, name)
            self._may_contain_items[name] = False

    def answer(self, action: str, request: AWSPreparedRequest) -> AWSResponse:
        """Returns what DynamoDB Local answers to this request for an action such as `GetItem`."""
        body = request.body
        assert isinstance(body, bytes)
        self._note_changes(action, body)
        connection = self._connection()
        connection.request("POST", "/", body, dict(request.headers))
        response = connection.getresponse()
        content = response.read()
        self._idle.append(connection)
        return AWSResponse(request.url, response.status, response.headers, _Content(content))  # type: ignore[arg-type]  # a class with the same methods

    def _note_changes(self, action: str, body: bytes) -> None:
        # In a PartiQL statement, the name is followed by an escaped quotation mark.
        names = [name for name in self._may_contain_items if f'"{name}'.encode() in body]
        if action == "DeleteTable":
            for name in names:
                del self._may_contain_items[name]
        elif action not in _READING:
            self._may_contain_items |= dict.fromkeys(names, True)

    def _connection(self) -> Connection:
        """Returns a connection that is open and that no other thread uses."""
        while self._idle:
            connection = self._idle.pop()
            if not wait_for_read(connection.sock, timeout=0):
                return connection
            connection.close()  # DynamoDB Local has closed it, because it was idle for long
        return Connection(self._path)


class _Content(io.BytesIO):
    """The body of an answer, in the form in which botocore reads it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


@functools.cache
def _started() -> LocalTables | None:
    """Starts DynamoDB Local, which then runs until this process ends."""
    folder = emulator()
    if folder is None:
        return None
    resources = ExitStack()
    atexit.register(resources.close)
    path = Path(resources.enter_context(tempfile.TemporaryDirectory())) / "socket"
    resources.enter_context(handing_out_connections(folder, path))
    return LocalTables(path)


def _answer(request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse | None:
    """Answers a request before it would be sent. None leaves it to moto or the network."""
    action = event_name.rpartition(".")[2]
    return _answering[-1].answer(action, request) if _answering else None


botocore.handlers.BUILTIN_HANDLERS.append(("before-send.dynamodb", _answer))
