"""Requests that fail: which are repeated, and what a person reads about the others."""

import socket
from pathlib import Path

import pytest

from imagecache_cli import api as api_module
from imagecache_cli.access import Access
from imagecache_cli.api import Api
from tests.cli.conftest import Command
from tests.cli.contract import ADA, STATS
from tests.cli.fake_api import ADMIN_TOKEN, Answer, FakeApi

BUSY = Answer(429, {"message": "Too Many Requests"})
STARTING = Answer(503, {"message": "Service Unavailable"})


def test_an_api_that_is_busy_is_asked_again(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/stats", BUSY, STARTING, Answer(200, STATS))

    assert imagecache("stats").code == 0
    assert imagecache.clock.slept == [1.0, 2.0]


def test_an_api_that_is_busy_four_times_ends_the_command(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/stats", BUSY)

    ran = imagecache("stats")

    assert (ran.code, ran.err) == (1, "imagecache: Too Many Requests\n")
    assert imagecache.clock.slept == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(("retry_after", "slept"), [("7", 7.0), ("3600", 30.0), ("tomorrow", 1.0)])
def test_a_busy_api_may_ask_for_a_pause_of_up_to_half_a_minute(
    api: FakeApi, imagecache: Command, retry_after: str, slept: float
) -> None:
    api.answer(
        "GET /api/stats",
        Answer(429, {"message": "later"}, (("Retry-After", retry_after),)),
        Answer(200, STATS),
    )

    assert imagecache("stats").code == 0
    assert imagecache.clock.slept == [slept]


@pytest.mark.parametrize(
    ("status", "code"), [(400, 2), (401, 2), (403, 2), (404, 1), (409, 1), (413, 2), (500, 1), (502, 1)]
)
def test_the_exit_code_says_whether_another_command_would_help(
    api: FakeApi, imagecache: Command, status: int, code: int
) -> None:
    api.answer("POST /api/images/refresh", Answer(status, {"message": "because", "code": "some_code"}))

    ran = imagecache("refresh", ADA)

    assert (ran.code, ran.out) == (code, "")
    assert "because" in ran.err
    assert ran.err.count("\n") == 1


def test_a_wrong_token_and_the_read_token_get_different_errors(api: FakeApi, read_only: Command) -> None:
    api.answer("GET /api/stats", STATS)

    weak = read_only("sync")
    wrong = read_only("--token", "guessed", "stats")

    assert (weak.code, weak.err) == (2, "imagecache: This needs the admin token\n")
    assert (wrong.code, "the token is not accepted: set IMAGECACHE_TOKEN" in wrong.err) == (2, True)
    assert "admin" not in wrong.err
    assert "guessed" not in wrong.err


def test_a_gateway_without_the_route_is_not_an_unknown_image(api: FakeApi, imagecache: Command) -> None:
    api.answer("POST /api/images/retry", Answer(404, {"message": "Not Found"}))

    assert "no such route (Not Found)" in imagecache("retry", ADA).err


@pytest.mark.parametrize("body", [b"<html>a hotel's login</html>", b"", b"[]", b'"text"'])
def test_an_answer_that_is_not_the_apis_is_recognised(api: FakeApi, imagecache: Command, body: bytes) -> None:
    api.answer("GET /api/stats", Answer(200, body))

    ran = imagecache("stats", "--json")

    assert (ran.code, ran.out) == (1, "")
    assert "check that it is the address of an image cache" in ran.err


def test_a_redirect_gets_no_token(api: FakeApi, imagecache: Command) -> None:
    api.answer(
        "GET /api/stats", Answer(302, {"message": "elsewhere"}, (("Location", f"{api.url}/api/other"),))
    )

    assert imagecache("stats").code == 1
    assert api.routes() == ["GET /api/stats"]


def test_an_answer_of_another_shape_is_named_by_its_field(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/stats", {**STATS, "lastSync": {"succeededAt": 5, "completedAt": None}})

    ran = imagecache("stats")

    assert ran.code == 1
    assert "unexpected value at Stats.lastSync.succeededAt" in ran.err


def test_an_address_without_a_server_is_one_line(imagecache: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    ran = imagecache("--url", f"http://127.0.0.1:{port}", "stats")

    assert ran.code == 1
    assert ran.err == (
        f"imagecache: http://127.0.0.1:{port} cannot be reached: check that it is running "
        "and that the address is right\n"
    )


def test_an_api_that_never_answers_ends_the_command(
    imagecache: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "_TIMEOUT_SECONDS", 0.1)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        ran = imagecache("--url", f"http://127.0.0.1:{silent.getsockname()[1]}", "stats")

    assert ran.code == 1
    assert "did not answer within 0.1 seconds" in ran.err


def test_a_netrc_file_replaces_no_token(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    api.answer("GET /api/stats", STATS)
    not_known_as_local = api.url.replace("127.0.0.1", "127.1")

    Api(Access(not_known_as_local, ADMIN_TOKEN)).get("/api/stats")

    assert api.requests[0].token == f"Bearer {ADMIN_TOKEN}"


def test_a_proxy_is_not_asked_for_what_runs_on_this_machine(
    api: FakeApi, imagecache: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    api.answer("GET /api/stats", STATS)

    assert imagecache("stats").code == 0
