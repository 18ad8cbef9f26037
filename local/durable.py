"""Holds the answers of the embedded engine until what they acknowledge is on the disk.

The changes of all requests that are waiting are written together, with one `fsync`. The content of objects is
in files of its own, which are flushed before the record of any change that was made after them. So no row on
the disk names an object that is not there.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NoReturn

from local.console import complain
from local.journal import Journal, flush_folder

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_LONGEST_WAIT_SECONDS = 0.5  # of a change that no request made, such as the deletion of a finished message


@dataclass(slots=True, eq=False)
class _Batch:
    """Changes that are written together, and the files and folders that are flushed before them."""

    changes: dict[bytes, bytes] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    is_written: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Request:
    """A request that is being handled, and the last batch with a change that it made."""

    batch: _Batch | None = None


_request: ContextVar[_Request | None] = ContextVar("_request", default=None)


class Changes:
    """Collects changes, and writes them to the journal in batches, in the order in which they were made.

    ministack handles a request to a table without interruption, in the thread of the event loop, and batches
    are closed in the same thread. So all changes of one such request are in one batch, which is read again
    completely or not at all.
    """

    def __init__(self, journal: Journal, *, root: str) -> None:
        self._journal = journal
        self._root = root
        self._known_folders: set[str] = set()
        self._batch = _Batch()
        self._lock = threading.Lock()  # a few changes are made in other threads
        self._wake = asyncio.Event()
        self._writer = ThreadPoolExecutor(1, "journal")
        self._writing: asyncio.Task[None] | None = None
        self._folding: asyncio.Task[None] | None = None

    def put(self, key: bytes, value: bytes) -> None:
        """Sets a value of the journal, or removes it if `value` is empty."""
        with self._lock:
            self._open_batch().changes[key] = value

    def add_file(self, path: str) -> None:
        """Records that a file was written, somewhere below `root`.

        The request that wrote it does not wait: whatever names the file is written after it, and waits.
        """
        with self._lock:
            self._batch.files.add(path)
            self._batch.folders.update(self._folders_of(path))

    def add_deletion(self, path: str) -> None:
        """Records that a file was deleted."""
        with self._lock:
            self._open_batch().folders.add(os.path.dirname(path))

    def _open_batch(self) -> _Batch:
        """Returns the batch for a change, and notes it for the request that makes the change."""
        if request := _request.get():
            request.batch = self._batch
        return self._batch

    async def written(self, request: _Request) -> None:
        """Waits until all changes of a request are on the disk."""
        if request.batch:
            self._wake.set()
            await request.batch.is_written.wait()

    def start(self) -> None:
        """Starts writing. Must be called in the event loop."""
        self._writing = asyncio.create_task(self._write_batches())

    async def stop(self) -> None:
        """Writes what is left, and closes the journal."""
        if self._writing:
            self._writing.cancel()
            await asyncio.wait([self._writing])
        if self._folding:
            await asyncio.wait([self._folding])
        # The writer has one thread, so that this comes after a batch that is being written.
        await self._write_batch()
        self._writer.shutdown()
        self._journal.close()

    def _folders_of(self, path: str) -> Iterator[str]:
        """Yields the folder of the file and, for each folder that was not seen before, the one above it."""
        folder = os.path.dirname(path)
        yield folder
        while folder != self._root and folder not in self._known_folders:
            self._known_folders.add(folder)
            folder = os.path.dirname(folder)
            yield folder

    async def _write_batches(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            await self._write_batch()
            await self._fold_if_large()

    async def _write_batch(self) -> None:
        with self._lock:
            batch, self._batch = self._batch, _Batch()
        if batch.changes or batch.folders:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._flush, batch)
        batch.is_written.set()

    def _flush(self, batch: _Batch) -> None:
        with ending_on_errors():
            for file in batch.files:
                _flush_file(file)
            for folder in batch.folders:
                flush_folder(folder)
            if batch.changes:
                self._journal.write(batch.changes)

    async def _fold_if_large(self) -> None:
        if self._journal.must_fold and (self._folding is None or self._folding.done()):
            with ending_on_errors():
                self._journal.start_next()
            self._folding = asyncio.create_task(asyncio.to_thread(self._fold))

    def _fold(self) -> None:
        with ending_on_errors():
            self._journal.fold()


def _flush_file(file: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # it was deleted meanwhile
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def ending_on_errors() -> Iterator[None]:
    """Ends the process if the disk cannot be written, so that no answer promises what is not on the disk."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, the memory is now ahead of the disk
        end_process(error)


def end_process(error: Exception) -> NoReturn:
    """Prints why the state cannot be stored, as the last line of the log, and ends the process."""
    reason = (isinstance(error, OSError) and error.strerror) or repr(error)
    complain(
        f"the state cannot be stored: {reason}. Everything that was acknowledged is stored: free space or"
        " repair the disk, and start again"
    )
    os._exit(1)


def hold_answers(application: Application, changes: Changes) -> Application:
    """Wraps an ASGI application, so that it answers a request when the changes that it made are written."""

    async def handle(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            changes.start()
            await application(scope, receive, _stopping(send, changes))
            return
        request = _Request()

        async def send_when_written(message: Message) -> None:
            await changes.written(request)
            await send(message)

        _request.set(request)
        await application(scope, receive, send_when_written)

    return handle


def _stopping(send: Send, changes: Changes) -> Send:
    """Wraps the `send` of the lifespan, so that everything is written before the server ends."""

    async def send_after_stop(message: Message) -> None:
        if message["type"] == "lifespan.shutdown.complete":
            await changes.stop()
        await send(message)

    return send_after_stop
