"""An answer is held until the changes that it acknowledges are on the disk."""

import asyncio
import os
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.durable import Application, Changes, Message, hold_answers


def run(check: Coroutine[Any, Any, None]) -> None:
    """Runs the check in a thread, because browser tests leave an event loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, check).result()


@dataclass
class SlowJournal:
    """A journal that writes only when it is allowed to."""

    may_write: threading.Event = field(default_factory=threading.Event)
    written: list[Mapping[bytes, bytes]] = field(default_factory=list)
    must_fold: bool = False

    def write(self, changes: Mapping[bytes, bytes]) -> None:
        assert self.may_write.wait(60)
        self.written.append(changes)

    def close(self) -> None:
        pass


class Server:
    """Serves requests that put their path into the journal, except `/read`."""

    def __init__(self, journal: Any, root: Path) -> None:
        self.changes = Changes(journal, root=str(root))
        self.answered: list[str] = []
        self._application: Application = hold_answers(self._put, self.changes)

    async def request(self, path: str) -> None:
        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answered.append(path)

        await self._application({"type": "http", "path": path}, no_body, send)

    async def _put(self, scope: Message, _receive: Any, send: Any) -> None:
        if scope["path"] != "/read":
            self.changes.put(scope["path"].encode(), b"1")
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})


async def no_body() -> Message:
    return {"type": "http.request"}


def test_an_answer_waits_for_its_own_change_and_all_that_wait_are_written_at_once(tmp_path: Path) -> None:
    async def check() -> None:
        journal = SlowJournal()
        server = Server(journal, tmp_path)
        server.changes.start()
        first = asyncio.create_task(server.request("/first"))
        await asyncio.sleep(0.1)  # the journal has begun to write, so the others must wait for the next time
        others = [asyncio.create_task(server.request(f"/{number}")) for number in range(3)]
        await server.request("/read")
        await asyncio.sleep(0.1)
        assert server.answered == ["/read"]
        journal.may_write.set()
        await asyncio.gather(first, *others)
        assert sorted(server.answered) == ["/0", "/1", "/2", "/first", "/read"]
        assert [len(changes) for changes in journal.written] == [1, 3]
        await server.changes.stop()

    run(check())


def test_what_no_request_waits_for_is_written_soon_and_when_the_engine_stops(tmp_path: Path) -> None:
    async def check() -> None:
        journal = SlowJournal()
        journal.may_write.set()
        changes = Changes(journal, root=str(tmp_path))  # type: ignore[arg-type]  # a fake with the same methods
        changes.start()
        changes.put(b"soon", b"1")
        while not journal.written:
            await asyncio.sleep(0.05)
        changes.put(b"last", b"1")
        await changes.stop()
        assert journal.written == [{b"soon": b"1"}, {b"last": b"1"}]

    run(check())


def test_an_object_is_flushed_before_the_record_that_may_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "bucket" / "picture"
    picture.parent.mkdir()
    picture.write_bytes(b"picture")
    names = {path.stat().st_ino: path.name for path in (tmp_path, picture.parent, picture)}
    flushed: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(names[os.fstat(descriptor).st_ino]))

    class Journal(SlowJournal):
        def write(self, _changes: Mapping[bytes, bytes]) -> None:
            flushed.append("record")

    async def check() -> None:
        changes = Changes(Journal(), root=str(tmp_path))  # type: ignore[arg-type]  # a fake with the same methods
        changes.add_file(str(picture))
        changes.put(b"row", b"1")
        await changes.stop()

    run(check())
    assert (flushed[0], flushed[-1]) == ("picture", "record")
    assert set(flushed[1:-1]) == {"bucket", tmp_path.name}
