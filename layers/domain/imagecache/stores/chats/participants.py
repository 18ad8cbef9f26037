"""The chatParticipants table: the full roster of every chat, found by chat, by image and by contact."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection
from pynamodb.models import Model

from imagecache.aws_errors import aws_errors_translated
from imagecache.key_set import KeySet
from imagecache.model.chat import Chat, Participant
from imagecache.model.image import ImageRef, RejectionReason
from imagecache.parallel import in_parallel
from imagecache.rules.names import better_name, is_identifier
from imagecache.rules.source_urls import storable_url
from imagecache.stores.batches import insert, item_of
from imagecache.stores.bulk_reads import Item, all_items, has_entry, scan
from imagecache.stores.chats.people import is_person
from imagecache.stores.dynamodb import behind, bound, fenced

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")
Position = tuple[str, str]
"""The key of a row: chat id and participant id."""

CHAT_ROW = "#chat"
"""The participantId of the row with a chat's own picture, so that the index byImage finds the picture."""

# The attributes with the keys of the pictures that are shown for a member.
_IMAGE_KEYS = ("imageKey", "contactImageKey", "formerImageKey")


class _ByImage(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "byImage"
        projection = IncludeProjection(["isSelf"])

    image_key = UnicodeAttribute(hash_key=True, attr_name="imageKey")


class _ByContact(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "byContact"
        projection = KeysOnlyProjection()

    contact_id = UnicodeAttribute(hash_key=True, attr_name="contactId")


class ParticipantRow(Model):
    """A row of chatParticipants: a member of a chat, or the chat's own picture.

    `person_ids` has the ids with blanks in between, `earlier_ids` is a list in JSON. The rows of people are
    in stores/chats/people.py.
    """

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
    contact_name = UnicodeAttribute(null=True, attr_name="contactName")
    former_image_key = UnicodeAttribute(null=True, attr_name="formerImageKey")
    person_ids = UnicodeAttribute(null=True, attr_name="personIds")
    earlier_ids = UnicodeAttribute(null=True, attr_name="earlierIds")
    synced_by = NumberAttribute(attr_name="syncedBy")
    by_image = _ByImage()
    by_contact = _ByContact()


_ATTRIBUTES = tuple(attribute.attr_name for attribute in ParticipantRow.get_attributes().values())


class Reference(NamedTuple):
    """A place that shows an image: a member of a chat, or a chat itself (its participant id is CHAT_ROW)."""

    image_key: str
    chat_id: str
    participant_id: str
    is_self: bool


@dataclass(frozen=True, slots=True)
class ShownKeys:
    """The keys of images that are shown.

    `current` has those that a chat, a member or a contact has now. `recorded` has those that are recorded as
    pictures of people, who may be shown with them although Beeper no longer names them.
    """

    current: KeySet = field(default_factory=KeySet)
    recorded: KeySet = field(default_factory=KeySet)

    def __contains__(self, image_key: str) -> bool:
        return image_key in self.current or image_key in self.recorded

    def is_former(self, image_key: str) -> bool:
        """Returns True if the image is only a former picture of a person."""
        return image_key in self.recorded and image_key not in self.current


class Member(NamedTuple):
    """A participant and the chat that they are in."""

    chat_id: str
    participant: Participant


@dataclass(frozen=True, slots=True)
class MergedRoster:
    """A chat with its members as they are stored now. `left_over` has the keys of the rows to remove."""

    chat: Chat
    left_over: list[Position]


class ParticipantsTable:
    """Reads and writes chatParticipants.

    New rows are written in batches. A row that exists is replaced by a request of its own, because a batch
    cannot replace a row as a whole. Up to `writes_at_once` requests are sent in parallel. Pages have former
    pictures only if `shows_former_pictures` is True. Every method raises StoreUnavailableError if DynamoDB
    does not answer.
    """

    def __init__(
        self,
        *,
        table_name: str,
        dynamodb: "DynamoDBClient",
        writes_at_once: int,
        shows_former_pictures: bool = True,
    ) -> None:
        self._shows_former_pictures = shows_former_pictures
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._row = bound(ParticipantRow, table_name=table_name, dynamodb=dynamodb)
        self._writes_at_once = writes_at_once

    @aws_errors_translated()
    def roster(self, chat_id: str) -> dict[str, Participant]:
        """Returns the rows of a chat by participant id. The chat's own picture, if any, is under CHAT_ROW."""
        items = self._items(chat_id, consistent=True)
        return {item["participantId"]["S"]: _participant(item) for item in items}

    def rosters(self, chat_ids: Iterable[str]) -> dict[str, dict[str, Participant]]:
        """Returns the result of `roster` for each of these chats, by chat id."""
        distinct = list(dict.fromkeys(chat_ids))
        rosters = in_parallel(self.roster, distinct, at_once=self._writes_at_once)
        return dict(zip(distinct, rosters, strict=True))

    @aws_errors_translated()
    def one(self, chat_id: str, participant_id: str) -> Participant | None:
        """Returns this member of the chat, or None if there is no such member."""
        # A Query instead of GetItem: a function that reads pages needs no further right.
        items = self._items(chat_id, participant_id, consistent=True)
        return next(map(_participant, items), None)

    @aws_errors_translated()
    def page(self, chat_id: str, *, limit: int, after: str | None) -> tuple[list[Participant], str | None]:
        """Returns at most `limit` members, ordered by participant id, and where the next page continues.

        `after` is the id of the last member of the page before. The returned id is None after the last page.
        """
        # One more row shows whether another page follows; one more because CHAT_ROW may be among the rows.
        items = islice(self._items(chat_id, after=after, page_size=limit + 2), limit + 2)
        rows = (_participant(item) for item in items if item["participantId"]["S"] != CHAT_ROW)
        members = [self.as_shown(member) for member in rows]
        has_more = len(members) > limit
        return members[:limit], members[limit - 1].participant_id if has_more else None

    def as_shown(self, member: Participant) -> Participant:
        """Returns the member as pages show them: without a former picture, unless pages show these."""
        return member if self._shows_former_pictures else replace(member, former_image_key=None)

    def references(self) -> Iterator[Reference]:
        """Scans the table and yields every place that shows a picture, pictures of contacts included."""
        attributes = ("chatId", "participantId", "isSelf", *_IMAGE_KEYS)
        for items, _ in scan(self._dynamodb, table_name=self._table_name, attributes=attributes):
            for item in items:
                if is_person(item["chatId"]["S"]):
                    continue
                image_keys = {item[attribute]["S"] for attribute in _IMAGE_KEYS if attribute in item}
                for image_key in image_keys:
                    yield Reference(
                        image_key, item["chatId"]["S"], item["participantId"]["S"], item["isSelf"]["BOOL"]
                    )

    def shown_keys(self) -> ShownKeys:
        """Scans byImage and returns the keys of all pictures in rows of chats, members and people."""
        keys = ShownKeys()
        attributes = ("imageKey", "chatId")
        entries = all_items(
            self._dynamodb, table_name=self._table_name, attributes=attributes, index="byImage"
        )
        for item in entries:
            group = keys.recorded if is_person(item["chatId"]["S"]) else keys.current
            group.add(item["imageKey"]["S"])
        return keys

    @aws_errors_translated()
    def referring(self, image_key: str, *, limit: int) -> list[Reference]:
        """Returns at most `limit` of the chats and members that have this picture."""
        return [_reference(row) for row in self._row.by_image.query(image_key, limit=limit)]

    def refers_to(self, image_key: str) -> bool:
        """Returns True if a chat, a member or the record of a person has this picture."""
        return has_entry(
            self._dynamodb, table_name=self._table_name, index="byImage", key_name="imageKey", key=image_key
        )

    @aws_errors_translated()
    def members(self, *, after: Position | None, limit: int = 500) -> tuple[list[Member], Position | None]:
        """Returns the next `limit` rows of the whole table, and the key of the last one (None at the end).

        `after` is such a key. The rows of people are left out. DynamoDB returns fewer rows if `limit` rows
        are larger than 1 MB.
        """
        pages = scan(
            self._dynamodb,
            table_name=self._table_name,
            attributes=_ATTRIBUTES,
            after=_key(*after) if after else None,
            limit=limit,
        )
        items, last_key = next(pages)
        position = (last_key["chatId"]["S"], last_key["participantId"]["S"]) if last_key else None
        rows = ((item["chatId"]["S"], item) for item in items)
        members = [Member(chat_id, _participant(item)) for chat_id, item in rows if not is_person(chat_id)]
        return members, position

    @aws_errors_translated()
    def linked_to(self, contact_id: str, *, limit: int) -> list[Position]:
        """Returns (chat id, participant id) of at most `limit` members that are linked to this contact."""
        rows = self._row.by_contact.query(contact_id, limit=limit)
        return [(row.chat_id, row.participant_id) for row in rows]

    def merge(
        self, chats: Iterable[Chat], *, stored: Mapping[str, Mapping[str, Participant]], fence: int
    ) -> list[MergedRoster]:
        """Writes each member of these chats that differs from its row, and the chats' own pictures likewise.

        `stored` must have the result of `roster` for each chat. A stored name is kept if the network now
        sends no name, or an id in its place. If a roster is partial, stored members that it does not list
        stay and are added to the returned chat. No row is removed: the caller queues images first, see
        usecases/sync/store_page.py. Raises FencedOffError.
        """
        merged: list[MergedRoster] = []
        new: list[Member] = []
        changed: list[Member] = []
        for chat in chats:
            roster = stored[chat.chat_id]
            named = _with_better_names(chat, roster)
            merged.append(_merged_roster(named, roster))
            for row in roster_rows(named):
                before = roster.get(row.participant_id)
                if before is None:
                    new.append(Member(chat.chat_id, row))
                elif before != _as_stored(row):
                    changed.append(Member(chat.chat_id, row))
        self._put([*self._not_inserted(new, fence=fence), *changed], fence=fence)
        return merged

    def put(self, chat_id: str, participants: Iterable[Participant], *, fence: int) -> None:
        """Writes these rows of a chat. Raises FencedOffError."""
        self._put([Member(chat_id, participant) for participant in participants], fence=fence)

    def _put(self, rows: Iterable[Member], *, fence: int) -> None:
        def save(row: Member) -> None:
            self._row(**_values(row, fence)).save(condition=behind(ParticipantRow.synced_by, fence))

        self._write_all(save, rows)

    def _not_inserted(self, rows: Sequence[Member], *, fence: int) -> list[Member]:
        """Inserts these rows. Returns those that could not be inserted, most likely because they exist."""
        done = insert(
            self._dynamodb,
            table_name=self._table_name,
            items=[item_of(self._row, _values(row, fence)) for row in rows],
            at_once=self._writes_at_once,
        )
        return [row for row, is_inserted in zip(rows, done, strict=True) if not is_inserted]

    def link(self, members: list[Member], *, fence: int) -> None:
        """Writes to each member's row the contact that this member is linked to, and the former picture.

        Raises FencedOffError.
        """

        def save(member: Member) -> None:
            links = [
                (ParticipantRow.contact_id, member.participant.contact_id),
                (ParticipantRow.contact_image_key, member.participant.contact_image_key),
                (ParticipantRow.contact_name, member.participant.contact_name),
                (ParticipantRow.former_image_key, member.participant.former_image_key),
            ]
            actions = [attribute.set(value) if value else attribute.remove() for attribute, value in links]
            self._row(member.chat_id, member.participant.participant_id).update(
                actions=[*actions, ParticipantRow.synced_by.set(fence)],
                condition=ParticipantRow.chat_id.exists() & behind(ParticipantRow.synced_by, fence),
            )

        self._write_all(save, members)

    def remove(self, rows: Iterable[Position], *, fence: int) -> None:
        """Deletes the rows with these keys. Raises FencedOffError."""

        def delete(position: Position) -> None:
            self._row(*position).delete(condition=behind(ParticipantRow.synced_by, fence))

        self._write_all(delete, rows)

    def _items(
        self,
        chat_id: str,
        participant_id: str | None = None,
        *,
        consistent: bool = False,
        after: str | None = None,
        page_size: int | None = None,
    ) -> Iterator[Item]:
        """Yields the rows of a chat, or only the one with this participant id, as DynamoDB's own JSON.

        They are ordered by participant id and begin after the id `after`.
        """
        condition = "chatId = :chat"
        values: Item = {":chat": {"S": chat_id}}
        if participant_id is not None:
            condition += " AND participantId = :participant"
            values[":participant"] = {"S": participant_id}
        start: Any = {"ExclusiveStartKey": _key(chat_id, after)} if after else {}
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table_name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=consistent,
            PaginationConfig={"PageSize": page_size} if page_size else {},
            **start,
        )
        for page in pages:
            yield from page["Items"]

    def _write_all(self, write: Callable[[T], None], items: Iterable[T]) -> None:
        with fenced():
            in_parallel(write, items, at_once=self._writes_at_once)


def roster_rows(chat: Chat) -> list[Participant]:
    """Returns the rows of this chat in chatParticipants: its own picture, if any, and its members."""
    if chat.source_url is None:
        return [*chat.participants]
    own_picture = Participant(
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
    return [own_picture, *chat.participants]


def _with_better_names(chat: Chat, stored: Mapping[str, Participant]) -> Chat:
    members = (_with_better_name(member, stored.get(member.participant_id)) for member in chat.participants)
    return replace(chat, participants=tuple(members))


def _merged_roster(chat: Chat, stored: Mapping[str, Participant]) -> MergedRoster:
    absent = stored.keys() - {row.participant_id for row in roster_rows(chat)}
    if chat.roster_is_partial:
        unlisted = [row for row in stored.values() if row.participant_id in absent - {CHAT_ROW}]
        chat = _with_more_members(chat, unlisted)
        absent &= {CHAT_ROW}
    return MergedRoster(chat, [(chat.chat_id, participant_id) for participant_id in sorted(absent)])


def _with_better_name(member: Participant, stored: Participant | None) -> Participant:
    """Returns the member with the stored name if that is better, and then without the contact's name."""
    name = better_name(member.full_name, stored.full_name if stored else None)
    has_name = name is not None and not is_identifier(name)
    return replace(member, full_name=name, contact_name=None if has_name else member.contact_name)


def _with_more_members(chat: Chat, members: list[Participant]) -> Chat:
    participants = (*chat.participants, *members)
    return replace(
        chat, participants=participants, participant_count=chat.participant_count or len(participants)
    )


def _as_stored(participant: Participant) -> Participant:
    """Returns the participant with its URL as the row has it: without secrets."""
    url = participant.source_url
    return replace(participant, source_url=storable_url(url) if url else None)


def _reference(row: ParticipantRow) -> Reference:
    return Reference(row.image_key, row.chat_id, row.participant_id, bool(row.is_self))


def _values(row: Member, fence: int) -> dict[str, Any]:
    """Returns the values of a row's attributes, by the names of ParticipantRow."""
    participant = row.participant
    image = participant.image or ImageRef(None)
    return {
        "chat_id": row.chat_id,
        "participant_id": participant.participant_id,
        "synced_by": fence,
        "full_name": participant.full_name,
        "username": participant.username,
        "phone_number": participant.phone_number,
        "email": participant.email,
        "is_self": participant.is_self,
        "is_network_bot": participant.is_network_bot,
        "source_url": _as_stored(participant).source_url,
        "image_key": image.key,
        "rejected": image.rejected,
        "contact_id": participant.contact_id,
        "contact_image_key": participant.contact_image_key,
        "contact_name": participant.contact_name,
        "former_image_key": participant.former_image_key,
        "person_ids": " ".join(participant.person_ids) or None,
        "earlier_ids": json.dumps(participant.earlier_ids) if participant.earlier_ids else None,
    }


def _participant(item: Item) -> Participant:
    texts: dict[str, str] = {name: value["S"] for name, value in item.items() if "S" in value}
    rejected = texts.get("rejected")
    source_url = texts.get("sourceUrl")
    return Participant(
        participant_id=texts["participantId"],
        full_name=texts.get("fullName"),
        username=texts.get("username"),
        phone_number=texts.get("phoneNumber"),
        email=texts.get("email"),
        is_self=_flag(item, "isSelf"),
        is_network_bot=_flag(item, "isNetworkBot"),
        source_url=source_url,
        image=ImageRef(texts.get("imageKey"), RejectionReason(rejected) if rejected else None)
        if source_url
        else None,
        contact_id=texts.get("contactId"),
        contact_image_key=texts.get("contactImageKey"),
        contact_name=texts.get("contactName"),
        former_image_key=texts.get("formerImageKey"),
        person_ids=tuple(texts.get("personIds", "").split()),
        earlier_ids=tuple(json.loads(texts.get("earlierIds", "[]"))),
    )


def _flag(item: Item, attribute: str) -> bool:
    return attribute in item and bool(item[attribute]["BOOL"])


def _key(chat_id: str, participant_id: str) -> Item:
    return {"chatId": {"S": chat_id}, "participantId": {"S": participant_id}}
