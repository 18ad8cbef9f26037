"""Reads the first page or all pages of a list of the API, as one JSON document."""

from collections.abc import Mapping
from typing import Any

from imagecache_cli.api import Api, Json
from imagecache_cli.errors import UnexpectedAnswerError


def read_list(api: Api, path: str, key: str, query: Mapping[str, str | int], *, everything: bool) -> Json:
    """Returns the first page of a list, or all pages joined if `everything`, as `{key: [...], "nextCursor"}`.

    A filter may leave a page empty although later pages are not. So the first page is the first that is not
    empty. `key` is the name of the list in the API's answer. Raises CommandError.
    """
    items: list[Any] = []
    cursor: str | None = None
    seen_cursors: set[str] = set()
    while True:
        page = api.get(path, {**query, "cursor": cursor} if cursor is not None else query)
        cursor = _next_cursor(page, key)
        items += page[key]
        # The cursor stays in the document, so that a person or a script can see that there is more.
        if cursor is None or (items and not everything):
            return {key: items, "nextCursor": cursor}
        # With a cursor that repeats, this loop would never end.
        if cursor in seen_cursors:
            raise UnexpectedAnswerError(
                f"the API answers the same page of {path} again and again: check that both are of one version"
            )
        seen_cursors.add(cursor)


def _next_cursor(page: Json, key: str) -> str | None:
    """Returns the cursor of the next page, None at the end. Raises UnexpectedAnswerError if it is no page."""
    cursor = page.get("nextCursor")
    if not isinstance(page.get(key), list) or not isinstance(cursor, str | None):
        raise UnexpectedAnswerError(
            f"the API's answer is not a page of {key}: this command may be older than the API"
        )
    return cursor
