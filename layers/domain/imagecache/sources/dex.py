"""Dex's API: reads all contacts that the owner keeps there, page by page.

`GET /api/rest/contacts?limit&offset` answers with an array, or with an object that has one. A page with fewer
contacts than the limit is the last one. Fields that Dex adds, omits or sends as null are accepted. A person
without a usable id is only counted.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import requests

from imagecache.errors import AnswerTooLargeError, DexError, OriginDownError, OriginUnauthorizedError
from imagecache.model.contact import IdentifierKind
from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.transport import NO_COMPRESSION, Deadline, read_json, retry_after

_CONTACTS_PER_PAGE = 100
_MOST_PAGES = 1000
# Dex's own clients wait this long between two requests.
_SECONDS_BETWEEN_PAGES = 0.1
# To connect, and between two packets.
_TIMEOUT_SECONDS = (5, 30)
# For a whole answer.
_TOTAL_SECONDS = 60
_MOST_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 2
_LONGEST_PAUSE_SECONDS = 60
_STATUSES_TO_RETRY = {HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)}
_NAMES_OF_LISTS = ("contacts", "data")
_MOST_ID_CHARS = 100
_MOST_NAME_CHARS = 500
# The limits of the API for contacts that are kept by hand: a contact must fit into one item of a table.
_MOST_URL_CHARS = 65_536
_MOST_OF_A_KIND = 50


@dataclass(frozen=True, slots=True)
class DexContact:
    """A person in Dex. `texts` are their identifiers as they were written."""

    dex_id: str
    full_name: str | None
    source_url: str | None
    texts: Mapping[IdentifierKind, list[str]]


@dataclass(slots=True)
class DexReading:
    """The contacts by their ids in Dex.

    `complete` is True if Dex was read to its end. `unreadable` counts people without a usable id.
    """

    contacts: dict[str, DexContact] = field(default_factory=dict)
    unreadable: int = 0
    complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DexApi:
    """Reads the contacts of the account whose API key is `key`. `sleep` pauses for a number of seconds."""

    base_url: str
    key: str = field(repr=False)
    session: requests.Session
    sleep: Callable[[float], None]

    def read(self, *, budget: TimeBudget) -> DexReading:
        """Returns all contacts, or as many as there was time for.

        Raises OriginDownError if Dex cannot be read now, OriginUnauthorizedError if it refuses the key, and
        DexError if the answer is not a list of contacts.
        """
        reading = DexReading()
        offset = 0
        for number in range(_MOST_PAGES):
            if number:
                self.sleep(_SECONDS_BETWEEN_PAGES)
            if budget.is_used_up():
                return reading
            items = self._page(offset, budget)
            people_before = len(reading.contacts) + reading.unreadable
            _add(items, reading)
            if len(items) < _CONTACTS_PER_PAGE:
                reading.complete = True
                return reading
            if len(reading.contacts) + reading.unreadable == people_before:
                raise DexError("a page has no new contacts: Dex ignores the offset")
            offset += len(items)
        raise DexError(f"there are more than {_MOST_PAGES} pages")

    def _page(self, offset: int, budget: TimeBudget) -> list[Any]:
        """Requests one page. If Dex is busy or answers with an error, pauses and requests it again.

        Raises OriginDownError after the last attempt, or if no time is left for another pause.
        """
        for attempt in range(_MOST_ATTEMPTS):
            deadline = Deadline(_TOTAL_SECONDS)
            response = self._get(offset)
            with response:
                if response.status_code not in _STATUSES_TO_RETRY:
                    return _items(response, deadline)
                requested = retry_after(response.headers)
            pause = _FIRST_PAUSE_SECONDS * 2**attempt if requested is None else requested
            pause = min(pause, _LONGEST_PAUSE_SECONDS)
            if pause * 1000 >= budget.left_ms():
                break
            self.sleep(pause)
        raise OriginDownError(f"status {response.status_code}")

    def _get(self, offset: int) -> requests.Response:
        try:
            return self.session.get(
                f"{self.base_url}/api/rest/contacts",
                params={"limit": _CONTACTS_PER_PAGE, "offset": offset},
                headers={
                    "x-hasura-dex-api-key": self.key,
                    "Accept": "application/json",
                    **NO_COMPRESSION,
                },
                timeout=_TIMEOUT_SECONDS,
                stream=True,
                allow_redirects=False,  # a redirect would send the key to another address
            )
        except requests.RequestException as error:
            raise OriginDownError(type(error).__name__) from error


def _items(response: requests.Response, deadline: Deadline) -> list[Any]:
    """Returns the list in the answer. Raises OriginUnauthorizedError, OriginDownError, DexError."""
    if response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise OriginUnauthorizedError(f"status {response.status_code}")
    if response.status_code != HTTPStatus.OK:
        raise DexError(f"status {response.status_code}")
    try:
        answer = read_json(response.raw, deadline)
    except AnswerTooLargeError as error:
        raise DexError(f"its answer has {error}") from error
    except (ValueError, RecursionError) as error:  # ValueError also for a number with thousands of digits
        raise DexError("the answer is not JSON") from error
    if isinstance(answer, dict):
        answer = next((answer[name] for name in _NAMES_OF_LISTS if isinstance(answer.get(name), list)), None)
    if not isinstance(answer, list):
        raise DexError("the answer has no list of contacts")
    return answer


def _add(items: list[Any], reading: DexReading) -> None:
    for item in items:
        contact = _contact(item) if isinstance(item, dict) else None
        if contact:
            reading.contacts[contact.dex_id] = contact
        else:
            reading.unreadable += 1


def _contact(item: Mapping[str, Any]) -> DexContact | None:
    """Returns the contact of an item of Dex's answer, or None if it has no usable id.

    A name that is too long is cut, and a URL that is too long is left out.
    """
    raw_id = item.get("id")
    dex_id = _text(str(raw_id)) if isinstance(raw_id, str | int) and not isinstance(raw_id, bool) else None
    if dex_id is None or len(dex_id) > _MOST_ID_CHARS:
        return None
    names = [name for name in (_text(item.get("first_name")), _text(item.get("last_name"))) if name]
    instagram = _text(item.get("instagram"))
    source_url = _text(item.get("image_url"))
    return DexContact(
        dex_id=dex_id,
        full_name=" ".join(names)[:_MOST_NAME_CHARS] or None,
        source_url=source_url if source_url and len(source_url) <= _MOST_URL_CHARS else None,
        texts={
            IdentifierKind.INSTAGRAM: [instagram] if instagram else [],
            IdentifierKind.PHONE: [*_texts(item.get("phones"), "phone", "phone_number")],
            IdentifierKind.EMAIL: [*_texts(item.get("emails"), "email")],
        },
    )


def _texts(entries: Any, *names: str) -> Iterator[str]:
    """Yields one text of each entry: the entry itself, or an object's first text under one of these names.

    Entries without a text are left out.
    """
    for entry in entries[:_MOST_OF_A_KIND] if isinstance(entries, list) else []:
        values = [entry.get(name) for name in names] if isinstance(entry, dict) else [entry]
        yield from [text for text in map(_text, values) if text][:1]


def _text(value: Any) -> str | None:
    """Returns a text without surrounding spaces, with ? for unpaired surrogates; None for anything else."""
    if not isinstance(value, str):
        return None
    return value.encode(errors="replace").decode().strip() or None
