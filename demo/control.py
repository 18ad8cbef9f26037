"""`/_demo/`: how tests in other processes look at the demo account, break it and change it. No token."""

import json
from collections.abc import Callable
from typing import Any

from demo.account import Account
from demo.address_book import by_hand
from demo.chat_api import ChatApi
from demo.chats import Chat, Json, Person
from demo.faults import Faults
from demo.hits import Hits
from demo.listener import Reply, Request, json_reply
from demo.media import Media, Picture
from demo.media_server import RateLimit
from demo.people import WHATSAPP

PREFIX = "/_demo/"
PICTURE_FORMS = {"mxc": Picture.remote, "file": Picture.on_disk, "path": Picture.by_path}

Orders = dict[str, Any]  # JSON from a test: a wrong type is answered with 400, not checked here


class Control:
    def __init__(self, account: Account, faults: Faults, hits: Hits, api: ChatApi, limit: RateLimit) -> None:
        self._account = account
        self._chat_api = api
        self._limit = limit
        self._reports: dict[str, Callable[[], Json]] = {
            "hits": hits.as_json,
            "account": self._summary,
            "faults": faults.as_json,
            "settings": self._settings,
            "contacts": lambda: by_hand(account),
        }
        self._changes: dict[str, Callable[[Orders], None]] = {
            "faults": lambda orders: faults.set(**orders),
            "reset-hits": lambda _: hits.reset(),
            "settings": self._change_settings,
            "avatar": lambda orders: account.set_avatar(orders["ownerId"], _picture(orders)),
            "show-as-file": lambda orders: account.show_as_file(orders["key"]),
            "lose-media": lambda orders: account.lose_media(orders["key"]),
            "add-chat": self._add_chat,
            "remove-chat": lambda orders: account.remove_chat(orders["chatId"]),
            "add-member": lambda orders: account.add_member(orders["chatId"], _person(orders["person"])),
            "remove-member": lambda orders: account.remove_member(orders["chatId"], orders["personId"]),
            "message": lambda orders: account.receive_message(orders["chatId"], orders["text"]),
        }

    def __call__(self, request: Request) -> Reply:
        name = request.path.removeprefix(PREFIX)
        if request.method == "GET" and name in self._reports:
            return json_reply(200, self._reports[name]())
        if request.method != "POST" or name not in self._changes:
            return json_reply(404, {"message": f"{request.method} {request.path}", "code": "NOT_FOUND"})
        try:
            self._changes[name](json.loads(request.body or b"{}"))
        except (KeyError, ValueError, TypeError) as error:
            return json_reply(400, {"message": repr(error), "code": "VALIDATION_ERROR"})
        return json_reply(200, self._reports[name]() if name in self._reports else {})

    def _summary(self) -> Json:
        chats = self._account.chats
        pictures = {picture.url for chat in chats for picture in chat.pictures}
        return {
            "seed": self._account.seed,
            "chats": len(chats),
            "groups": sum(chat.is_group for chat in chats),
            "largestGroup": max((len(chat.people) for chat in chats), default=0),
            "https": sum(url.startswith("https:") for url in pictures),
            "data": sum(url.startswith("data:") for url in pictures),
            "deliverable": self._account.deliverable(),
            "gone": self._account.gone(),
            "notOnDisk": sorted(self._account.not_on_disk),
        }

    def _settings(self) -> Json:
        return {"oldServer": self._chat_api.is_old, "mediaRateLimit": self._limit.requests}

    def _change_settings(self, orders: Orders) -> None:
        self._chat_api.is_old = bool(orders.get("oldServer", self._chat_api.is_old))
        self._limit.requests = orders.get("mediaRateLimit", self._limit.requests)

    def _add_chat(self, orders: Orders) -> None:
        """A new chat on WhatsApp with the given people, made the newest by its first message."""
        chat_id = orders["chatId"]
        people = tuple(_person(person) for person in orders["people"])
        is_group = bool(orders.get("isGroup", len(people) > 2))
        self._account.add_chat(Chat(chat_id, f"local:{chat_id}", WHATSAPP, orders["title"], is_group, people))
        self._account.receive_message(chat_id, "Hello!")


def _person(orders: Orders) -> Person:
    is_self = bool(orders.get("isSelf", False))
    return Person(orders["id"], orders.get("fullName"), picture=_picture(orders), is_self=is_self)


def _picture(orders: Orders) -> Picture | None:
    """`mediaId` with optional `server` and `form`, or a `url` of another kind, or neither: no picture."""
    if "mediaId" in orders:
        media = Media(orders.get("server", "local.beeper.com"), orders["mediaId"])
        return PICTURE_FORMS[orders.get("form", "mxc")](media)
    return Picture(orders["url"]) if "url" in orders else None
