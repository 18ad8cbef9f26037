"""The part of Dex's API that our import uses: pages of contacts, a key, and a rate limit."""

from collections.abc import Iterable
from hmac import compare_digest

from demo.chats import Json
from demo.listener import Reply, Request, json_reply

DEMO_KEY = "demo-dex-key"
PATH = "/api/rest/contacts"
# Fields of Dex's real answers that our import does not use. Some of them are null.
_UNUSED_FIELDS: Json = {"birthday": None, "starred": False, "tags": [{"name": "friends"}], "website": None}


class FakeDex:
    """Serves the contacts `people`, which have the fields of Dex's API.

    The first page is an array, the second an object with `contacts`, the third an object with `data`, and so
    on, because a client must accept all these forms. The first `busy` requests are answered with 429 and the
    header Retry-After with `retry_after` (seconds).
    """

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
        limit = int(request.parameter("limit") or 0)
        offset = int(request.parameter("offset") or 0)
        contacts = [_UNUSED_FIELDS | person for person in self.people[offset : offset + limit]]
        shapes: tuple[object, ...] = (
            contacts,
            {"contacts": contacts},
            {"data": contacts, "total": len(self.people)},
        )
        page_number = offset // max(limit, 1)
        return shapes[page_number % len(shapes)]
