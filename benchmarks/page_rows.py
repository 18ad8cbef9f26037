"""Invents pages of 50 chats with 20 members each, and writes their rows with the real stores.

Everything that a page contains is random, because what repeats is compressed better than real data: names of
two or three syllables, ids of members as WhatsApp's bridge has them (10 to 15 digits), ids of chats and media
(18 and 32 letters and digits), messages of about nine words out of 1,500, blob ids, ThumbHashes of 18 to 24
bytes, and colours. The same seed gives the same page.
"""

import base64
import hashlib
import json
import string
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any, cast

from boto3.dynamodb.types import TypeSerializer

from benchmarks.prepared_dynamodb import PreparedTable
from imagecache.model.chat import Chat, Participant
from imagecache.model.image import Blob, ImageStatus
from imagecache.rules.source_urls import image_ref
from imagecache.stores.blobs import blob_id
from imagecache.stores.chats.chats import ChatsTable, ChatToStore, preview_of
from imagecache.stores.dynamodb import bound
from imagecache.stores.images.row import ImageRow
from imagecache.stores.images.views import view_text

CHATS = 50
MEMBERS = 20
IMAGES_TABLE = "images"
URL_IMAGES_TABLE = "url-images"
_NOW = 1_795_000_000_000
_FENCE = 1
_SYLLABLES = (
    *("an", "be", "ca", "do", "el", "fi", "gu", "ha", "in", "jo", "ka", "lu", "mi", "na", "or", "pe"),
    *("qu", "ri", "sa", "ta", "ur", "vi", "wy", "xa", "yo", "za", "le", "ma", "ro", "sh", "th", "br"),
)
# Every second group has a picture of its own. The others show the faces of four members.
_OWN_PICTURE_EVERY = 2


def chats_table(images: int) -> str:
    """Returns the name of the table of the page with this number of distinct images, as our store has it."""
    return f"chats-{images}"


def nested_table(images: int) -> str:
    """Returns the name of the same page with nested maps of members, which have source URLs."""
    return f"nested-{images}"


def denormalised_table(images: int) -> str:
    """Returns the name of the same page with nested maps that have the addresses of the pictures, too."""
    return f"denormalised-{images}"


def write_rows(path: Path, image_counts: tuple[int, ...]) -> None:
    """Writes the tables of one page for each number of distinct images into a file for PreparedDynamoDB."""
    pages = {count: _Inventor(Random(count)).page(count) for count in image_counts}
    urls = sorted({url for page in pages.values() for chat in page for url in _urls(chat)})
    rng = Random(0)
    blobs = {url: _blob(rng, url) for url in urls}
    tables: dict[str, PreparedTable] = {}
    images = _Recorder()
    row = bound(ImageRow, table_name=IMAGES_TABLE, dynamodb=cast("Any", images))
    for url, blob in blobs.items():
        _image_row(row, url, blob).save()
    tables[IMAGES_TABLE] = PreparedTable("imageKey", (), images.items)
    for count, page in pages.items():
        chats = _Recorder()
        store = ChatsTable(table_name=chats_table(count), dynamodb=cast("Any", chats), writes_at_once=1)
        store.put([_stored(chat, rng) for chat in page], fence=_FENCE)
        # One more chat than a page has, so that the page has a next one, as nearly every page has.
        tables[chats_table(count)] = PreparedTable(
            "chatId", ("chatId", "folder", "lastActivity"), chats.items
        )
    for count, page in pages.items():
        tables[nested_table(count)] = _nested(page, addresses={})
        addresses = {url: _address(blob) for url, blob in blobs.items()}
        tables[denormalised_table(count)] = _nested(page, addresses=addresses)
    rows = [_url_row(url, blob) for url, blob in blobs.items()]
    tables[URL_IMAGES_TABLE] = PreparedTable("sourceUrl", (), [_typed(row) for row in rows])
    path.write_text(json.dumps({name: asdict(table) for name, table in tables.items()}))


def _stored(chat: Chat, rng: Random) -> ChatToStore:
    return ChatToStore(
        chat=chat,
        preview_json=preview_of(chat),
        list_fingerprint=rng.randbytes(32).hex(),
        roster_fingerprint=rng.randbytes(32).hex(),
    )


class _Inventor:
    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._given_names = [self._word().capitalize() for _ in range(200)]
        self._surnames = [self._word().capitalize() for _ in range(600)]
        self._words = [self._word() for _ in range(1_500)]

    def page(self, images: int) -> list[Chat]:
        """Returns the chats of a page, and one more. The page's chats show exactly `images` images."""
        own_pictures = CHATS // _OWN_PICTURE_EVERY if images else 0
        people = [
            self._person(has_picture=bool(images)) for _ in range((images or CHATS * MEMBERS) - own_pictures)
        ]
        chats = []
        for number in range(CHATS + 1):
            members = [people[(number * MEMBERS + place) % len(people)] for place in range(MEMBERS)]
            has_picture = bool(images) and number % _OWN_PICTURE_EVERY == 0 and number < CHATS
            chats.append(self._chat(number, members, source_url=self._media_url() if has_picture else None))
        return chats

    def _chat(self, number: int, members: list[Participant], *, source_url: str | None) -> Chat:
        return Chat(
            chat_id=f"!{self._letters(18)}:beeper.local",
            account_id="local-whatsapp_ba_QxZf4vN1rT8kLm2o",
            network="WhatsApp",
            type="group",
            title=f"{self._word().capitalize()} {self._word()}",
            description=None,
            last_activity=_NOW - number * 3_600_000 - self._rng.randrange(3_600_000),
            unread_count=self._rng.choice((0, 0, 0, 2)),
            is_archived=False,
            is_muted=self._rng.random() < 0.2,
            is_pinned=False,
            last_message=" ".join(self._rng.choices(self._words, k=9)),
            merged_into=None,
            source_url=source_url,
            image=image_ref(source_url) if source_url else None,
            participants=tuple(members),
            participant_count=MEMBERS + self._rng.randrange(1, 40),
            roster_is_partial=True,
        )

    def _person(self, *, has_picture: bool) -> Participant:
        source_url = self._media_url() if has_picture else None
        digits = self._rng.randrange(10**9, 10**15)
        return Participant(
            participant_id=f"@whatsapp_lid-{digits}:beeper.local",
            full_name=f"{self._rng.choice(self._given_names)} {self._rng.choice(self._surnames)}",
            username=None,
            phone_number=None,
            email=None,
            is_self=False,
            is_network_bot=False,
            source_url=source_url,
            image=image_ref(source_url) if source_url else None,
        )

    def _word(self) -> str:
        return "".join(self._rng.choices(_SYLLABLES, k=self._rng.randint(2, 3)))

    def _letters(self, count: int) -> str:
        return "".join(self._rng.choices(string.ascii_letters + string.digits, k=count))

    def _media_url(self) -> str:
        return f"mxc://local.beeper.com/owner_{self._letters(32)}"


def _urls(chat: Chat) -> Iterator[str]:
    for source_url in (chat.source_url, *(member.source_url for member in chat.participants)):
        if source_url:
            yield source_url


def _blob(rng: Random, source_url: str) -> Blob:
    original = hashlib.sha256(source_url.encode()).digest()
    return Blob(
        blob_id=blob_id(rng.randbytes(16), original),
        content_type="image/jpeg",
        file_size=rng.randrange(20_000, 120_000),
        width=640,
        height=640,
        placeholder=base64.b64encode(rng.randbytes(rng.randint(18, 24))).decode(),
        color=f"#{rng.getrandbits(24):06x}",
    )


class _Recorder:
    """A client of DynamoDB that keeps the items which the stores put."""

    _request_signer = None  # PynamoDB reads it.

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []

    def _make_api_call(self, _operation: str, request: dict[str, Any]) -> dict[str, Any]:
        self.items.append(request["Item"])
        return {}


def _image_row(row: type[ImageRow], source_url: str, blob: Blob) -> ImageRow:
    """Returns a row with the attributes that a worker's commit leaves."""
    return row(
        image_ref(source_url).key or "",
        source_url=source_url,
        status=ImageStatus.CACHED.value,
        blob_id=blob.blob_id,
        content_type=blob.content_type,
        file_size=blob.file_size,
        width=blob.width,
        height=blob.height,
        placeholder=blob.placeholder,
        color=blob.color,
        view=view_text(blob),
        cached_at=_NOW,
        checked_at=_NOW,
        history="[]",
    )


def _nested(page: list[Chat], *, addresses: dict[str, str]) -> PreparedTable:
    """Returns the page as the original design stores it, with the pictures' addresses if there are any."""
    rows = []
    for chat in page:
        row = {
            "chatId": chat.chat_id,
            "accountId": chat.account_id,
            "network": chat.network,
            "type": chat.type,
            "title": chat.title,
            "lastActivity": chat.last_activity,
            "unreadCount": chat.unread_count,
            "isArchived": chat.is_archived,
            "isMuted": chat.is_muted,
            "isPinned": chat.is_pinned,
            "lastMessage": chat.last_message,
            "participantCount": chat.participant_count,
            "imgURL": chat.source_url,
            "imgAddress": addresses.get(chat.source_url or ""),
            "participants": [
                {
                    "id": member.participant_id,
                    "fullName": member.full_name,
                    "isSelf": member.is_self,
                    "imgURL": member.source_url,
                    "imgAddress": addresses.get(member.source_url or ""),
                }
                for member in chat.participants
            ],
        }
        rows.append(_typed(row))
    return PreparedTable("chatId", ("chatId", "lastActivity"), rows)


def _url_row(source_url: str, blob: Blob) -> dict[str, Any]:
    """Returns a row of the original design's cachedImages."""
    return {
        "sourceUrl": source_url,
        "storageId": blob.blob_id,
        "url": _address(blob),
        "contentType": blob.content_type,
        "fileSize": blob.file_size,
        "cachedAt": _NOW,
    }


def _address(blob: Blob) -> str:
    return f"https://d111111abcdef8.cloudfront.net/{blob.blob_id}"


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """Returns a row as DynamoDB's JSON, without what is None."""
    return dict(TypeSerializer().serialize(_without_none(row))["M"])


def _without_none(value: Any) -> Any:
    match value:
        case dict():
            return {name: _without_none(entry) for name, entry in value.items() if entry is not None}
        case list():
            return [_without_none(entry) for entry in value]
    return value
