"""The answers that the local server itself makes: JSON, and pages of one line."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from http import HTTPStatus

_RELOAD = "setTimeout(() => location.reload(), 1000);"
_RELOAD_HASH = b64encode(sha256(_RELOAD.encode()).digest()).decode()
_PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Chats</title>
<main><p role="status">{text}</p>{rest}</main>
</html>
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with all of its headers but those that every answer has."""

    status: HTTPStatus
    headers: Mapping[str, str]
    body: bytes = b""


def json_answer(status: HTTPStatus, document: object) -> Answer:
    return Answer(status, {"Content-Type": "application/json", **_PRIVATE}, json.dumps(document).encode())


def redirect_answer(path: str) -> Answer:
    return Answer(HTTPStatus.SEE_OTHER, {"Location": path, **_PRIVATE})


def message_page(status: HTTPStatus, text: str) -> Answer:
    """Returns a page with a text and a link to the chats."""
    return _page(status, text, rest='<p><a href="/">Back to the chats</a></p>', script_source="'none'")


def waiting_page(status: HTTPStatus, text: str) -> Answer:
    """Returns a page with a text that loads itself again after a second, at the same address."""
    return _page(status, text, rest=f"<script>{_RELOAD}</script>", script_source=f"'sha256-{_RELOAD_HASH}'")


def _page(status: HTTPStatus, text: str, *, rest: str, script_source: str) -> Answer:
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": f"default-src 'none'; script-src {script_source}; frame-ancestors 'none'",
        **_PRIVATE,
    }
    return Answer(status, headers, _PAGE.format(text=escape(text), rest=rest).encode())
