"""A list of the API → one document, whether it is one page or all of them."""

from collections.abc import Mapping
from typing import Any

from imagecache_cli.api import Api, Json
from imagecache_cli.errors import UnexpectedAnswerError


def read_list(api: Api, path: str, key: str, query: Mapping[str, str | int], *, everything: bool) -> Json:
    """`{key: [...], "nextCursor"}` as the API answers it, of all pages put together if so wished."""
    rows: list[Any] = []
    cursor: str | None = None
    seen: set[str] = set()
    while True:
        page = api.get(path, {**query, "cursor": cursor} if cursor is not None else query)
        cursor = _next_cursor(page, key)
        rows += page[key]
        if cursor is None or not everything:
            return {key: rows, "nextCursor": cursor}
        if cursor in seen:
            raise UnexpectedAnswerError(f"{path} answers the same page again and again")
        seen.add(cursor)


def _next_cursor(page: Json, key: str) -> str | None:
    cursor = page.get("nextCursor")
    if not isinstance(page.get(key), list) or not isinstance(cursor, str | None):
        raise UnexpectedAnswerError(f"the API's answer is no page of {key}: is this command up to date?")
    return cursor
