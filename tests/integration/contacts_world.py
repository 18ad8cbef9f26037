"""A stack, an account and the API together, for tests of contacts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import requests

from demo.chats import Chat, Network, Person
from demo.service import DemoAccount
from imagecache.rules.source_urls import image_key
from imagecache.usecases.sync.sync_run import SyncReport
from tests.integration.api import Api
from tests.integration.conftest import Stack
from tests.integration.demo_chats import NETWORK, chat_with, fill
from tests.integration.made import cache

PICTURE = "https://pictures.example/ada.jpg"
OTHER_PICTURE = "https://pictures.example/other.jpg"
WHATSAPP = NETWORK
INSTAGRAM = Network("Instagram", "local-instagram_1")
SIGNAL = Network("Signal", "local-signal_1")
ADA = Person("@ada:beeper.local", "Ada", username="Ada.Lovelace", phone_number="+442079460958")
NUMBER = ["020 7946 0958"]
CONTACT = "/api/contacts/{contactId}"


@dataclass(frozen=True, slots=True)
class World:
    """Beeper's account, the stack that syncs it, and the API through which contacts are changed."""

    stack: Stack
    demo: DemoAccount
    session: requests.Session
    api: Api

    def has(self, *chats: Chat) -> None:
        """Gives the account these chats and no others."""
        fill(self.demo, list(chats))

    def sync(
        self, *, complete: bool = False, remaining_ms: Callable[[], int] = lambda: 900_000
    ) -> SyncReport:
        return self.stack.sync(self.demo, self.session, complete=complete, remaining_ms=remaining_ms)

    def put(self, contact_id: str, picture: str | None = PICTURE, **body: Any) -> Any:
        sent = {**body, **({"imageUrl": picture} if picture else {})}
        status, answer = self.api.ask(f"PUT {CONTACT}", sent, path={"contactId": contact_id})
        assert status == 200, answer
        return answer["contact"]

    def remove(self, contact_id: str) -> None:
        status, answer = self.api.ask(f"DELETE {CONTACT}", path={"contactId": contact_id})
        assert (status, answer["contactId"]) == (200, contact_id)

    def contact(self, contact_id: str) -> Any:
        status, answer = self.api.ask(f"GET {CONTACT}", path={"contactId": contact_id})
        assert status == 200, answer
        return answer

    def linked(self, contact_id: str) -> list[int]:
        """Returns the numbers of the chats that have a member who is this contact."""
        chat_ids = [member["chatId"] for member in self.contact(contact_id)["linked"]]
        return sorted(int(chat_id.removeprefix("!").removesuffix(":beeper.local")) for chat_id in chat_ids)

    def shown(self, number: int = 0) -> tuple[str | None, str]:
        """Returns whose picture a chat shows, and the status of that image."""
        [image] = [
            chat["image"]
            for chat in self.api.get("/api/chats")["chats"]
            if chat["chatId"] == f"!{number}:beeper.local"
        ]
        return image.get("source"), image["status"]

    def cached(self, picture: str = PICTURE, blob: str = "b10b") -> None:
        """Stores the picture as if the cacher had downloaded it."""
        cache(self.stack, image_key(picture), blob)


def alone(network: Network, person: Person, number: int = 0) -> Chat:
    """Returns a chat with one other person."""
    return replace(chat_with(number, person), network=network)
