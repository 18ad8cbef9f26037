"""The endpoints below `/_demo/`, with which tests in other processes read and change the demo account.

They need a separate, secret token, because changes are visible to the person who uses the running system. The
account's other tokens are public, because they give access only to invented data.
"""

import hmac
import json
from collections.abc import Callable
from typing import Any

from demo.account import Account
from demo.address_book import contacts_by_hand
from demo.chat_api import ChatApi
from demo.chats import Chat, ChatEvent, EventType, Json, Person
from demo.events import EventStream
from demo.faults import Faults
from demo.hits import Hits
from demo.listener import Reply, Request, json_reply
from demo.media import Media, Picture
from demo.media_server import RateLimit
from demo.oauth import OAuthServer
from demo.people import WHATSAPP

PREFIX = "/_demo/"
PICTURE_FORMS = {
    "mxc": Picture.remote,
    "file": Picture.on_disk,
    "path": Picture.by_path,
    "windows": Picture.by_windows_path,
    "served": Picture.served,
}
DEFAULT_SERVER = "local.beeper.com"

# The fields are not checked one by one: a missing or wrong field raises an error, which is answered with 400.
Body = dict[str, Any]


class Control:
    """Answers `GET /_demo/<name>` with the report of that name, and makes the change that a POST names.

    The answer to a POST is the report of the same name, or `{}` if there is none.
    """

    def __init__(
        self,
        account: Account,
        faults: Faults,
        hits: Hits,
        chat_api: ChatApi,
        rate_limit: RateLimit,
        *,
        oauth: OAuthServer,
        events: EventStream,
        token: str,
    ) -> None:
        self._account = account
        self._authorization = f"Bearer {token}".encode()
        self._chat_api = chat_api
        self._rate_limit = rate_limit
        self._events = events
        self._reports: dict[str, Callable[[], Json]] = {
            "hits": hits.as_json,
            "account": self._summary,
            "faults": faults.as_json,
            "settings": self._settings,
            "contacts": lambda: contacts_by_hand(account),
            "events": lambda: {"clients": events.clients},
        }
        self._changes: dict[str, Callable[[Body], None]] = {
            "faults": lambda body: faults.set(**body),
            "reset-hits": lambda _: hits.reset(),
            "settings": self._change_settings,
            "avatar": lambda body: account.set_avatar(body["ownerId"], _picture(body)),
            "show-as-file": lambda body: account.show_as_file(body["key"]),
            "switch-ids": lambda _: account.move_people_to_other_ids(),
            "reveal-phone-numbers": lambda _: account.reveal_phone_numbers(),
            "lose-media": lambda body: account.lose_media(body["key"], body.get("message")),
            "add-chat": self._add_chat,
            "remove-chat": lambda body: account.remove_chat(body["chatId"]),
            "merge-chats": lambda body: account.merge_chats(body["unionId"], body["chatIds"]),
            "add-member": lambda body: account.add_member(body["chatId"], _person(body["person"])),
            "remove-member": lambda body: account.remove_member(body["chatId"], body["personId"]),
            "message": lambda body: account.receive_message(
                body["chatId"], body["text"], **body.get("fields", {})
            ),
            "chat-fields": lambda body: account.set_fields(body["chatId"], body["fields"]),
            "events": self._send_events,
            "revoke-tokens": lambda _: oauth.revoke_all(),
            "login-status": lambda body: account.set_login_status(body["accountId"], body["status"]),
            "set-contact": lambda body: account.set_contact(body["accountId"], _person(body["person"])),
            "remove-contact": lambda body: account.remove_contact(body["accountId"], body["personId"]),
        }

    def __call__(self, request: Request) -> Reply:
        authorization = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(authorization, self._authorization):
            return json_reply(401, {"message": "Send the control token", "code": "UNAUTHORIZED"})
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
        urls = {picture.url for chat in chats for picture in chat.pictures}
        return {
            "seed": self._account.seed,
            "chats": len(chats),
            "groups": sum(chat.is_group for chat in chats),
            "largestGroup": max((len(chat.people) for chat in chats), default=0),
            "https": sum(url.startswith("https:") for url in urls),
            "data": sum(url.startswith("data:") for url in urls),
            "deliverable": self._account.deliverable(),
            "gone": self._account.gone(),
            "notOnDisk": sorted(self._account.not_on_disk),
        }

    def _settings(self) -> Json:
        return {
            "oldServer": self._chat_api.is_old,
            "wrapImageUrls": self._chat_api.wraps_image_urls,
            "mediaRateLimit": self._rate_limit.requests,
            "losesEvents": self._events.loses_events,
        }

    def _change_settings(self, body: Body) -> None:
        self._chat_api.is_old = bool(body.get("oldServer", self._chat_api.is_old))
        self._chat_api.wraps_image_urls = bool(body.get("wrapImageUrls", self._chat_api.wraps_image_urls))
        self._rate_limit.requests = body.get("mediaRateLimit", self._rate_limit.requests)
        self._events.loses_events = bool(body.get("losesEvents", self._events.loses_events))

    def _send_events(self, body: Body) -> None:
        """Sends an event for each of `chatIds`, which need not exist, all of them `times` times."""
        once = [
            ChatEvent(EventType(body.get("type", "chat.upserted")), chat_id) for chat_id in body["chatIds"]
        ]
        self._events.send(once * int(body.get("times", 1)), sequences=body.get("sequences", ()))

    def _add_chat(self, body: Body) -> None:
        """Adds a WhatsApp chat with the people in the body, and a first message that makes it the newest."""
        chat_id = body["chatId"]
        people = tuple(_person(person) for person in body["people"])
        is_group = bool(body.get("isGroup", len(people) > 2))
        self._account.add_chat(Chat(chat_id, f"local:{chat_id}", WHATSAPP, body["title"], is_group, people))
        self._account.receive_message(chat_id, "Hello!")


def _person(body: Body) -> Person:
    is_self = bool(body.get("isSelf", False))
    return Person(
        body["id"],
        body.get("fullName"),
        body.get("username"),
        body.get("phoneNumber"),
        picture=_picture(body),
        is_self=is_self,
    )


def _picture(body: Body) -> Picture | None:
    """Returns the picture in a body, or None if there is none.

    A picture of Beeper's media has a `mediaId`, and optionally a `server` and a `form`, one of PICTURE_FORMS.
    Any other picture has a `url`.
    """
    if "mediaId" in body:
        media = Media(body.get("server", DEFAULT_SERVER), body["mediaId"])
        return PICTURE_FORMS[body.get("form", "mxc")](media)
    return Picture(body["url"]) if "url" in body else None
