"""Dex's API, as far as a reader of contacts needs it: pages of contacts, a key, and a limit on requests."""

from collections.abc import Iterable
from hmac import compare_digest

from demo.chats import Json
from demo.listener import Reply, Request, json_reply

DEMO_KEY = "demo-dex-key"
PATH = "/api/rest/contacts"
# Fields that the reader does not use, some of them null, as in Dex's own answers.
_UNUSED_FIELDS: Json = {"birthday": None, "starred": False, "tags": [{"name": "friends"}], "website": None}


class FakeDex:
    """Serves `people`, each a contact in Dex's own fields.

    The pages are in turn an array, an object with `contacts` and an object with `data`: a reader must accept
    each form. The first `busy` requests are refused with 429 and `retry_after` (seconds).
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
