"""Streams, global options, widths, and texts from other people."""

import io

import pytest
from rich.console import Console

from imagecache_cli.answers import Chat, Image, Images
from imagecache_cli.plain import plain
from imagecache_cli.reading import read
from imagecache_cli.tables import render_chats, render_images
from tests.cli.conftest import Command
from tests.cli.contract import CHAT, FAILED_ROW, REFERENCE, STATS, STATUS
from tests.cli.fake_api import Answer, FakeApi

HOSTILE = "\x1b[2J\x07[red]Ada[/] :smile: \u202etxt\x9b31m\ud800\r\nsecond"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--json", "stats"),
        ("stats", "--json"),
        ("stats", "--json", "--token=admin-9b2e"),
        ("stats", "--token", "admin-9b2e", "--json"),
    ],
)
def test_global_options_stand_before_or_after_the_verb(
    api: FakeApi, imagecache: Command, arguments: tuple[str, ...]
) -> None:
    api.answer("GET /api/stats", STATS)

    assert imagecache(*arguments).document == STATS


def test_an_argument_after_two_dashes_is_not_an_option(api: FakeApi, imagecache: Command) -> None:
    imagecache("refresh", "--", "--json")

    assert api.bodies("POST /api/images/refresh") == [{"sourceUrl": "--json"}]


def test_a_title_can_neither_control_the_terminal_nor_be_markup(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/chats", {"chats": [{**CHAT, "title": HOSTILE}], "nextCursor": None})

    seen = imagecache("chats").out

    assert "[2J[red]Ada[/] :smile: txt" in seen
    assert [letter for letter in seen if not letter.isprintable() and letter != "\n"] == []


@pytest.mark.parametrize("width", [40, 80, 109])
def test_a_narrow_terminal_has_room_for_whole_addresses(width: int) -> None:
    source = "mxc://beeper.local/[red]" + "abcdefghij" * 6
    url = f"/images/{'0f' * 32}/192.webp"
    image = Image("cached", "chat", url, 640, 480, None)
    seen = io.StringIO()

    Console(file=seen, width=width).print(render_images(Images({source: image})))

    assert f"url:{url}" in "".join(seen.getvalue().split())
    assert f"source:{source}" in "".join(seen.getvalue().split())


def test_a_wide_terminal_has_a_table_with_whole_addresses() -> None:
    source = "mxc://beeper.local/[red]" + "abcdefghij" * 6
    url = f"/images/{'0f' * 32}/192.webp"
    image = Image("cached", "chat", url, 640, 480, None)
    seen = io.StringIO()

    Console(file=seen, width=110).print(render_images(Images({source: image})))

    rows = [line.split()[-2:] for line in seen.getvalue().splitlines() if line.strip()][2:]
    assert "".join(row[0] for row in rows if len(row) > 1) == url
    assert "".join(row[-1] for row in rows) == source


@pytest.mark.parametrize("width", [80, 200])
def test_a_chat_and_its_id_are_readable_at_any_width(width: int) -> None:
    chat = read(Chat, {**CHAT, "title": "A title as long as titles are cut to " * 3})
    seen = io.StringIO()

    Console(file=seen, width=width).print(render_chats([chat]))

    lines = seen.getvalue().splitlines()
    assert "!ada:beeper.local" in seen.getvalue()
    assert [line for line in lines if "A title" in line and " cached" in line]
    assert max(map(len, lines)) <= width


def test_json_is_the_apis_own_document_with_harmless_text(api: FakeApi, imagecache: Command) -> None:
    page = {"chats": [{**CHAT, "title": HOSTILE + "long" * 100}], "nextCursor": None}
    api.answer("GET /api/chats", page)

    ran = imagecache("chats", "--json")

    assert ran.document == page
    assert [
        letter for letter in ran.out if not (letter.isascii() and letter.isprintable()) and letter != "\n"
    ] == []


def test_texts_from_other_people_are_made_harmless(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/images", {"images": [{**FAILED_ROW, "reason": HOSTILE}], "nextCursor": None})
    api.answer(
        "GET /api/images/uncached", {"references": [{**REFERENCE, "fullName": HOSTILE}], "nextCursor": None}
    )
    api.answer("GET /api/stats", Answer(500, {"message": HOSTILE, "code": "x"}))

    outputs = [imagecache(verb) for verb in ("failed", "uncached", "stats")]

    assert ["\x1b" in ran.out + ran.err for ran in outputs] == [False, False, False]
    assert outputs[2].err.count("\n") == 1


def test_a_text_of_several_lines_becomes_one_line() -> None:
    assert plain(" first\r\n\tsecond\u2028third ") == "first second third"


def test_an_emoji_of_several_parts_stays_whole() -> None:
    assert plain("👩‍👩‍👧 family") == "👩‍👩‍👧 family"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "nonsense"),
        (["stats", "--nonsense"], "--nonsense"),
        (["explain"], "URL"),
        (["chats", "--limit", "101"], "equal to 100"),
        (["chats", "--filter", "odd"], "'--filter': 'odd' is not one of"),
        (["backfill", "--active-days", "-1"], "--active-days"),
        (["--json"], "command"),
        (["stats", "--token"], "--token"),
    ],
)
def test_a_wrong_command_is_one_line_and_sends_nothing(
    api: FakeApi, imagecache: Command, arguments: list[str], said: str
) -> None:
    ran = imagecache(*arguments)

    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert api.requests == []


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["sync", "--help"], ["contacts", "put", "-h"]])
def test_help_needs_no_settings(imagecache: Command, arguments: list[str]) -> None:
    ran = imagecache(*arguments, environment={})

    assert (ran.code, ran.err) == (0, "")
    assert "Usage: imagecache" in ran.out


def test_fields_of_a_newer_api_are_ignored(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/stats", {**STATS, "brandNew": {"a": 1}, "origin": {**STATUS["origin"], "more": 2}})

    assert imagecache("stats").code == 0
