"""The chatParticipants table: the full roster of every chat, found by chat, by image and by person."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection
from pynamodb.models import Model

from imagecache.aws_errors import aws_errors_translated
from imagecache.model.chat import Chat, Participant
from imagecache.model.image import ImageRef, RejectionReason
from imagecache.rules.source_urls import storable_url
from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.fence import behind, fenced
from imagecache.stores.dynamodb.scan import scan

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")
Position = tuple[str, str]
"""The key of a row: chat id and participant id."""

# Rows looked at in one go: about half of them have a picture.
_LOOKED_AT = 500
_PICTURES = ("imageKey", "contactImageKey")

CHAT_ROW = "#chat"
"""The participantId under which the chat's own picture stands, so that byImage finds it too."""


class _ByImage(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "byImage"
        projection = IncludeProjection(["isSelf"])

    image_key = UnicodeAttribute(hash_key=True, attr_name="imageKey")


class _ByParticipant(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "byParticipant"
        projection = KeysOnlyProjection()

    participant_id = UnicodeAttribute(hash_key=True, attr_name="participantId")


class _ByContact(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "byContact"
        projection = KeysOnlyProjection()

    contact_id = UnicodeAttribute(hash_key=True, attr_name="contactId")


class _Row(Model):
    chat_id = UnicodeAttribute(hash_key=True, attr_name="chatId")
    participant_id = UnicodeAttribute(range_key=True, attr_name="participantId")
    full_name = UnicodeAttribute(null=True, attr_name="fullName")
    username = UnicodeAttribute(null=True)
    phone_number = UnicodeAttribute(null=True, attr_name="phoneNumber")
    email = UnicodeAttribute(null=True)
    is_self = BooleanAttribute(attr_name="isSelf", default=False)
    is_network_bot = BooleanAttribute(attr_name="isNetworkBot", default=False)
    source_url = UnicodeAttribute(null=True, attr_name="sourceUrl")
    image_key = UnicodeAttribute(null=True, attr_name="imageKey")
    rejected = UnicodeAttribute(null=True)
    contact_id = UnicodeAttribute(null=True, attr_name="contactId")
    contact_image_key = UnicodeAttribute(null=True, attr_name="contactImageKey")
    synced_by = NumberAttribute(attr_name="syncedBy")
    by_image = _ByImage()
    by_participant = _ByParticipant()
    by_contact = _ByContact()


class Reference(NamedTuple):
    """An image where it is shown."""

    image_key: str
    chat_id: str
    participant_id: str
    is_self: bool


class Member(NamedTuple):
    """Somebody in a chat."""

    chat_id: str
    participant: Participant


class ParticipantsTable:
    """Rows of chatParticipants. Conditional writes cannot be batched: `writes_at_once` run in parallel."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient", writes_at_once: int) -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._row = bound(_Row, table_name=table_name, dynamodb=dynamodb)
        self._writes_at_once = writes_at_once

    def roster(self, chat_id: str) -> dict[str, Participant]:
        """All members by participant id, and under CHAT_ROW the chat's own picture."""
        return {
            row.participant_id: _participant(row) for row in self._row.query(chat_id, consistent_read=True)
        }

    def page(self, chat_id: str, *, limit: int, after: str | None) -> tuple[list[Participant], str | None]:
        """At most `limit` members in the order of their ids, and the last one's id if there are more."""
        start = {"chatId": {"S": chat_id}, "participantId": {"S": after}} if after else None
        # One more: the chat's own row is no member.
        rows = list(self._row.query(chat_id, limit=limit + 2, last_evaluated_key=start))
        members = [_participant(row) for row in rows if row.participant_id != CHAT_ROW]
        more = len(members) > limit
        return members[:limit], members[limit - 1].participant_id if more else None

    def references(self) -> Iterator[Reference]:
        """Every picture that is shown, those of members' contacts as well: only the rows know of both."""
        attributes = ("chatId", "participantId", "isSelf", *_PICTURES)
        for items, _ in scan(self._dynamodb, table_name=self._table_name, attributes=attributes):
            for item in items:
                place = item["chatId"]["S"], item["participantId"]["S"], item["isSelf"]["BOOL"]
                yield from (
                    Reference(key, *place) for key in {item[one]["S"] for one in _PICTURES if one in item}
                )

    def image_keys(self) -> Iterator[str]:
        """The key of every picture that is shown, once for each place, by a scan of the index."""
        pages = scan(self._dynamodb, table_name=self._table_name, attributes=["imageKey"], index="byImage")
        return (item["imageKey"]["S"] for items, _ in pages for item in items)

    @aws_errors_translated()
    def referring(self, image_key: str, *, limit: int) -> list[Reference]:
        """Where one picture is shown, at most `limit` of it."""
        return [_reference(row) for row in self._row.by_image.query(image_key, limit=limit)]

    def members(self, *, after: Position | None) -> tuple[list[Member], Position | None]:
        """The next some hundred rows of everybody in every chat, by a scan, and where to go on."""
        key = {"chatId": {"S": after[0]}, "participantId": {"S": after[1]}} if after else None
        rows = self._row.scan(page_size=_LOOKED_AT, last_evaluated_key=key, consistent_read=True).page_iter
        found = [self._row.from_raw_data(item) for item in next(rows)["Items"]]
        end = rows.last_evaluated_key
        position = (end["chatId"]["S"], end["participantId"]["S"]) if end else None
        return [Member(row.chat_id, _participant(row)) for row in found], position

    def linked_to(self, contact_id: str, *, limit: int) -> list[Position]:
        """(chat id, participant id) of those who are this contact, at most `limit` of them."""
        rows = self._row.by_contact.query(contact_id, limit=limit)
        return [(row.chat_id, row.participant_id) for row in rows]

    def put(self, chat_id: str, participants: list[Participant], *, fence: int) -> None:
        """Raises FencedOffError."""

        def save(participant: Participant) -> None:
            row = self._row(chat_id, participant.participant_id, synced_by=fence, **_attributes(participant))
            row.save(condition=behind(_Row.synced_by, fence))

        self._side_by_side(save, participants)

    def link(self, members: list[Member], *, fence: int) -> None:
        """Write whose contacts they are, as they say themselves. Raises FencedOffError."""

        def save(member: Member) -> None:
            one = member.participant
            links = [(_Row.contact_id, one.contact_id), (_Row.contact_image_key, one.contact_image_key)]
            actions = [attribute.set(value) if value else attribute.remove() for attribute, value in links]
            row = self._row(member.chat_id, one.participant_id)
            there = _Row.chat_id.exists() & behind(_Row.synced_by, fence)
            row.update(actions=[*actions, _Row.synced_by.set(fence)], condition=there)

        self._side_by_side(save, members)

    def remove(self, chat_id: str, participant_ids: list[str], *, fence: int) -> None:
        """Raises FencedOffError."""

        def delete(participant_id: str) -> None:
            self._row(chat_id, participant_id).delete(condition=behind(_Row.synced_by, fence))

        self._side_by_side(delete, participant_ids)

    def _side_by_side(self, write: Callable[[T], None], items: list[T]) -> None:
        with fenced():
            if len(items) < 2:  # most differences are one row: not worth a thread
                for item in items:
                    write(item)
                return
            with ThreadPoolExecutor(self._writes_at_once) as pool:
                for _ in pool.map(write, items):
                    pass


def chat_row(chat: Chat) -> Participant | None:
    """The chat's own picture as a row of its roster."""
    if chat.source_url is None:
        return None
    return Participant(
        participant_id=CHAT_ROW,
        full_name=None,
        username=None,
        phone_number=None,
        email=None,
        is_self=False,
        is_network_bot=False,
        source_url=chat.source_url,
        image=chat.image,
    )


def as_stored(participant: Participant) -> Participant:
    """What a roster gives back for it."""
    url = participant.source_url
    return replace(participant, source_url=storable_url(url) if url else None)


def _reference(row: _Row) -> Reference:
    return Reference(row.image_key, row.chat_id, row.participant_id, bool(row.is_self))


def _attributes(participant: Participant) -> dict[str, Any]:
    image = participant.image or ImageRef(None)
    return {
        "full_name": participant.full_name,
        "username": participant.username,
        "phone_number": participant.phone_number,
        "email": participant.email,
        "is_self": participant.is_self,
        "is_network_bot": participant.is_network_bot,
        "source_url": as_stored(participant).source_url,
        "image_key": image.key,
        "rejected": image.rejected,
        "contact_id": participant.contact_id,
        "contact_image_key": participant.contact_image_key,
    }


def _participant(row: _Row) -> Participant:
    rejected = RejectionReason(row.rejected) if row.rejected else None
    return Participant(
        participant_id=row.participant_id,
        full_name=row.full_name,
        username=row.username,
        phone_number=row.phone_number,
        email=row.email,
        is_self=row.is_self,
        is_network_bot=row.is_network_bot,
        source_url=row.source_url,
        image=ImageRef(row.image_key, rejected) if row.source_url else None,
        contact_id=row.contact_id,
        contact_image_key=row.contact_image_key,
    )
