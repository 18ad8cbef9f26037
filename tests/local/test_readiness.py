"""`make run` says what it waits for until the page has its first picture."""

import pytest

from local import readiness
from tests.cli.fake_api import READ_TOKEN, FakeApi


def test_a_line_is_printed_only_when_the_number_of_chats_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_SECONDS_BETWEEN_REPORTS", 0.0)
    one, two = ({"chats": [{"image": None}] * count} for count in (1, 2))
    ready = {"chats": [{"image": {"status": "cached"}}]}
    lines: list[str] = []
    with FakeApi() as api:
        api.answer("GET /api/chats", one, one, two, two, ready)
        readiness.wait_for_chats(
            f"{api.url}/", READ_TOKEN, want_faces=True, check=lambda: None, say=lines.append
        )
    assert lines == [
        "waiting for the first picture; chats on the first page so far: 1",
        "waiting for the first picture; chats on the first page so far: 2",
    ]
