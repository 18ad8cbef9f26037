"""Dex's API: every contact that its owner keeps there, page by page.

`GET /api/rest/contacts?limit&offset` answers an array, or an object that holds one; the last page is a short
one. What Dex may add, leave out or say as null harms nobody: a person without an id is counted, and no more.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import requests

from imagecache.errors import DexError, OriginDownError, OriginUnauthorizedError
from imagecache.model.contact import IdentifierKind
from imagecache.sources.transport import retry_after

_PAGE = 100
_MOST_PAGES = 1000
# Dex's own clients leave so many seconds between two requests.
_BETWEEN_PAGES = 0.1
# (connect, read) seconds.
_TIMEOUT = (5, 30)
_ATTEMPTS = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 2, 60
_LATER = {HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)}
_LISTS = ("contacts", "data")
_MOST_ID_CHARS = 100
_MOST_NAME_CHARS = 500
# As in our own API: a person of Dex's must fit into one item of a table.
_MOST_URL_CHARS = 65_536
_MOST_EACH = 50


@dataclass(frozen=True, slots=True)
class DexContact:
    """A person as Dex has them, each text as somebody wrote it."""

    dex_id: str
    full_name: str | None
    source_url: str | None
    texts: Mapping[IdentifierKind, list[str]]


@dataclass(slots=True)
class DexReading:
    """`complete`: Dex was read to its end. `unreadable`: people without an id."""

    contacts: dict[str, DexContact] = field(default_factory=dict)
    unreadable: int = 0
    complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DexApi:
    """One person's contacts; `key` opens them and is said to nobody but Dex."""

    base_url: str
    key: str = field(repr=False)
    session: requests.Session
    sleep: Callable[[float], None]

    def read(self, *, seconds_left: Callable[[], float]) -> DexReading:
        """Everybody, or as many as there was time for. Raises OriginDownError, DexError."""
        reading, offset = DexReading(), 0
        for number in range(_MOST_PAGES):
            if number:
                self.sleep(_BETWEEN_PAGES)
            if seconds_left() <= 0:
                return reading
            items = self._page(offset, seconds_left)
            before = len(reading.contacts) + reading.unreadable
            _take(items, reading)
            if len(items) < _PAGE:
                reading.complete = True
                return reading
            if len(reading.contacts) + reading.unreadable == before:
                raise DexError("a page without anybody new: the offset is not obeyed")
            offset += len(items)
        raise DexError(f"more than {_MOST_PAGES} pages")

    def _page(self, offset: int, seconds_left: Callable[[], float]) -> list[Any]:
        """Again after a while when Dex is busy or troubled, as it wishes."""
        for attempt in range(_ATTEMPTS):
            response = self._ask(offset)
            with response:
                if response.status_code not in _LATER:
                    return _items(response)
                wish = retry_after(response.headers)
            pause = min(_FIRST_PAUSE * 2**attempt if wish is None else wish, _LONGEST_PAUSE)
            if pause >= seconds_left():
                break
            self.sleep(pause)
        raise OriginDownError(f"status {response.status_code}")

    def _ask(self, offset: int) -> requests.Response:
        try:
            return self.session.get(
                f"{self.base_url}/api/rest/contacts",
                params={"limit": _PAGE, "offset": offset},
                headers={"x-hasura-dex-api-key": self.key, "Accept": "application/json"},
                timeout=_TIMEOUT,
                allow_redirects=False,  # the key would travel with them
            )
        except requests.RequestException as error:
            raise OriginDownError(type(error).__name__) from error


def _items(response: requests.Response) -> list[Any]:
    if response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise OriginUnauthorizedError(f"status {response.status_code}")
    if response.status_code != HTTPStatus.OK:
        raise DexError(f"status {response.status_code}")
    try:
        answer = response.json()
    except (ValueError, RecursionError) as error:  # ValueError: also a number of thousands of digits
        raise DexError("not JSON") from error
    if isinstance(answer, dict):
        answer = next((answer[name] for name in _LISTS if isinstance(answer.get(name), list)), None)
    if not isinstance(answer, list):
        raise DexError("no list of contacts")
    return answer


def _take(items: list[Any], reading: DexReading) -> None:
    for item in items:
        contact = _contact(item) if isinstance(item, dict) else None
        if contact:
            reading.contacts[contact.dex_id] = contact
        else:
            reading.unreadable += 1


def _contact(item: Mapping[str, Any]) -> DexContact | None:
    known = item.get("id")
    dex_id = _text(str(known)) if isinstance(known, str | int) and not isinstance(known, bool) else None
    if dex_id is None or len(dex_id) > _MOST_ID_CHARS:
        return None
    names = [name for name in (_text(item.get("first_name")), _text(item.get("last_name"))) if name]
    instagram, source_url = _text(item.get("instagram")), _text(item.get("image_url"))
    return DexContact(
        dex_id=dex_id,
        full_name=" ".join(names)[:_MOST_NAME_CHARS] or None,
        source_url=source_url if source_url and len(source_url) <= _MOST_URL_CHARS else None,
        texts={
            IdentifierKind.INSTAGRAM: [instagram] if instagram else [],
            IdentifierKind.PHONE: [*_several(item.get("phones"), "phone", "phone_number")],
            IdentifierKind.EMAIL: [*_several(item.get("emails"), "email")],
        },
    )


def _several(entries: Any, *names: str) -> Iterator[str]:
    """Texts, or objects that hold one under one of these names."""
    for entry in entries[:_MOST_EACH] if isinstance(entries, list) else []:
        values = [entry.get(name) for name in names] if isinstance(entry, dict) else [entry]
        yield from [text for text in map(_text, values) if text][:1]


def _text(value: Any) -> str | None:
    """What UTF-8 can carry, without the blanks around it; None for anything else, and for nothing."""
    if not isinstance(value, str):
        return None
    return value.encode(errors="replace").decode().strip() or None
