"""Dex's API as far as a reader of contacts needs it (reference E): pages, a key, a limit on requests.

It answers with fields that nobody has asked for and with nulls, in turn as an array and as an object.
"""

from collections.abc import Iterable
from hmac import compare_digest

from demo.chats import Json
from demo.listener import Reply, Request, json_reply

DEMO_KEY = "demo-dex-key"
PATH = "/api/rest/contacts"
_UNKNOWN: Json = {"birthday": None, "starred": False, "tags": [{"name": "friends"}], "website": None}


class FakeDex:
    """`people` as Dex would say them, without what is unknown. `busy`: so many requests are put off."""

    def __init__(self, people: Iterable[Json], *, key: str, busy: int = 0, retry_after: str = "1") -> None:
        self.people = list(people)
        self.requests = 0
        self.busy = busy
        self._key = key
        self._retry_after = retry_after

    def __call__(self, request: Request) -> Reply:
        self.requests += 1
        if request.path != PATH or request.method != "GET":
            return json_reply(404, {"error": "not found"})
        if not compare_digest(request.headers.get("X-Hasura-Dex-Api-Key", "").encode(), self._key.encode()):
            return json_reply(401, {"error": "invalid api key"})
        if self.busy:
            self.busy -= 1
            return Reply(429, b"slow down", {"Retry-After": self._retry_after})
        return json_reply(200, self._page(request))

    def _page(self, request: Request) -> object:
        limit, offset = (int(request.parameter(name) or 0) for name in ("limit", "offset"))
        page = [_UNKNOWN | one for one in self.people[offset : offset + limit]]
        shapes: tuple[object, ...] = (page, {"contacts": page}, {"data": page, "total": len(self.people)})
        return shapes[offset // max(limit, 1) % len(shapes)]
