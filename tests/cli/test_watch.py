"""The progress bar, and networks that fail while a job is watched."""

import io
import socket
import threading
from pathlib import Path

import pytest
from rich.console import Console

from imagecache_cli.access import Access
from imagecache_cli.api import Api
from imagecache_cli.errors import UnreachableError
from imagecache_cli.screen import Screen
from imagecache_cli.session import Outside, Session
from imagecache_cli.watch import follow_job, is_drained, is_finished
from tests.cli.contract import filled, job, swept
from tests.cli.fake_api import ADMIN_TOKEN, FakeApi


def session(url: str, folder: Path, seen: io.StringIO, *, slept: list[float]) -> Session:
    outside = Outside(environment={}, folder=folder, seconds=lambda: 0.0, sleep=slept.append)
    terminal = Console(file=seen, force_terminal=True, width=120, color_system=None)
    return Session(Api(Access(url, ADMIN_TOKEN)), Screen(Console(), terminal, as_json=False), outside)


def test_the_bar_shows_how_much_is_left(api: FakeApi, tmp_path: Path) -> None:
    seen = io.StringIO()
    drained = filled("done", queued=10, waiting=0, failed=1, done=9)
    api.answer("GET /api/jobs/job-1", filled("done", queued=10, waiting=6, failed=1, done=3), drained)

    document, drained_job = follow_job(session(api.url, tmp_path, seen, slept=[]), "job-1", is_drained)

    assert document == drained
    assert drained_job.count("done") == 9
    assert "backfill: 9 chats, 10 queued, 1 failed, 9 done" in seen.getvalue()


def test_the_bar_shows_neither_zeros_nor_sizes_in_bytes(api: FakeApi, tmp_path: Path) -> None:
    seen = io.StringIO()
    counts = {"rows": 1200, "unnamed": 0, "unnamedBytes": 4_000_000, "bytesFreed": 1, "versionsDeleted": 2}
    api.answer("GET /api/jobs/job-1", job("cleanup", "running", counts), swept(**counts))

    follow_job(session(api.url, tmp_path, seen, slept=[]), "job-1", is_finished)

    assert "cleanup: 1,200 rows, 2 versions deleted " in seen.getvalue()


def test_an_odd_job_id_stays_one_part_of_the_path(api: FakeApi, tmp_path: Path) -> None:
    api.answer("GET /api/jobs/..%2Fstats", filled("done", queued=0, waiting=0, failed=0, done=0))

    follow_job(session(api.url, tmp_path, io.StringIO(), slept=[]), "../stats", is_drained)

    assert api.lines == ["/api/jobs/..%2Fstats"]


def test_a_watch_survives_a_network_that_fails_twice(tmp_path: Path) -> None:
    slept: list[float] = []
    with FakeApi() as api, socket.create_server(("127.0.0.1", 0)) as rude:
        api.answer("GET /api/jobs/job-1", filled("done", queued=1, waiting=0, failed=0, done=1))
        port = rude.getsockname()[1]
        threading.Thread(target=_hang_up_then_pass_on, args=(rude, api.url), daemon=True).start()

        _, drained_job = follow_job(
            session(f"http://127.0.0.1:{port}", tmp_path, io.StringIO(), slept=slept), "job-1", is_drained
        )

    assert drained_job.status == "done"
    assert slept == [2.0, 2.0]


def test_a_network_that_stays_away_ends_a_watch(tmp_path: Path) -> None:
    slept: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(UnreachableError):
        follow_job(
            session(f"http://127.0.0.1:{port}", tmp_path, io.StringIO(), slept=slept), "job-1", is_drained
        )

    assert slept == [2.0] * 5


def _hang_up_then_pass_on(rude: socket.socket, url: str) -> None:
    """Hangs up twice, then passes one request and its answer on."""
    for _ in range(2):
        rude.accept()[0].close()
    connection, _ = rude.accept()
    with connection, socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))) as onward:
        onward.sendall(connection.recv(65_536))
        while part := onward.recv(65_536):
            connection.sendall(part)
