"""A Beeper with accounts and contacts of a test's choice, in front of a demo account's chats."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

import requests

from demo.chats import Chat, Json
from demo.listener import Listener, Reply, Request, json_reply
from demo.service import DemoAccount
from imagecache.sources.beeper.chats import ChatApi
from imagecache.usecases.sync.sync_run import SyncReport
from tests.integration.conftest import Stack
from tests.integration.demo_chats import NETWORK, fill

ACCOUNT: Json = {"accountID": NETWORK.account_id, "network": NETWORK.name, "status": "connected"}
_CONTACTS = "/contacts/list"


@dataclass
class FakeBeeper:
    """Answers like Beeper. Requests for anything but accounts and contacts are the demo account's.

    `accounts` is the body of `/v1/accounts`, or a whole reply. `contacts` has the contacts of each account,
    or a reply to every request for them. A page has `per_page` contacts at most. `asked` has the account and
    the cursor of each request for contacts.
    """

    demo: DemoAccount
    accounts: object = field(default_factory=lambda: [ACCOUNT])
    contacts: dict[str, list[Json] | Reply] = field(default_factory=dict)
    per_page: int = 200
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        if request.path == "/v1/accounts":
            return self.accounts if isinstance(self.accounts, Reply) else json_reply(200, self.accounts)
        if request.path.endswith(_CONTACTS):
            account_id = unquote(request.path.removeprefix("/v1/accounts/").removesuffix(_CONTACTS))
            return self._page(account_id, request)
        return self.demo.chat_api(request)

    def _page(self, account_id: str, request: Request) -> Reply:
        cursor = request.parameter("cursor")
        self.asked.append((account_id, cursor))
        contacts = self.contacts.get(account_id)
        if contacts is None:
            return json_reply(404, {"message": "Not found", "code": "NOT_FOUND"})
        if isinstance(contacts, Reply):
            return contacts
        start = int(cursor or 0)
        end = start + min(self.per_page, int(request.parameter("limit") or 0))
        has_more = end < len(contacts)
        return json_reply(200, {"items": contacts[start:end], "hasMore": has_more, "oldestCursor": str(end)})


@dataclass(frozen=True)
class Synced:
    """A fake Beeper, and the stack that syncs it."""

    beeper: FakeBeeper
    stack: Stack
    url: str
    session: requests.Session

    def sync(self, *, complete: bool = True, force: bool = False, remaining_ms: int = 900_000) -> SyncReport:
        api = ChatApi(
            base_url=self.url,
            secrets={"beeper-token": self.beeper.demo.beeper_token},
            session=self.session,
        )
        return self.stack.runs().run(api, remaining_ms=lambda: remaining_ms, complete=complete, force=force)


@contextmanager
def served(stack: Stack, session: requests.Session, *chats: Chat) -> Iterator[Synced]:
    """Serves a fake Beeper with these chats."""
    with DemoAccount(scale=0.01) as demo:
        fill(demo, list(chats))
        beeper = FakeBeeper(demo)
        listener = Listener(0, beeper)
        listener.start()
        try:
            yield Synced(beeper, stack, listener.url, session)
        finally:
            listener.stop()


def contact(person_id: str, name: str | None = None, picture: str | None = None, **fields: object) -> Json:
    """Returns a contact as Beeper sends it."""
    values = {"fullName": name, "imgURL": picture, **fields}
    return {"id": person_id, **{key: value for key, value in values.items() if value is not None}}
