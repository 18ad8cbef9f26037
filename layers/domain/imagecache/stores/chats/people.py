"""The people in chatParticipants: for each person id, the pictures that Beeper names or has named.

The rows of a person id are a partition of the table with the key `person#<person id>`. There, a picture has a
row `picture#<hash of the image key>`, and an earlier participant id that was linked to a contact has a row
`id#<participant id>`. The index byImage contains the pictures, so that a picture in use is not an orphan.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pynamodb.attributes import Attribute, BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from imagecache.aws_errors import aws_errors_translated
from imagecache.key_set import KeySet
from imagecache.model.chat import MOST_ID_BYTES, PERSON_KEY_PREFIX
from imagecache.model.person import KnownPerson, KnownPicture
from imagecache.parallel import in_parallel
from imagecache.rules.source_urls import storable_url
from imagecache.stores.batches import insert, item_of
from imagecache.stores.bulk_reads import Item, all_items
from imagecache.stores.dynamodb import behind, bound, deleted, fenced, updated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PARTITION = PERSON_KEY_PREFIX
_PICTURE = "picture#"
_LINKED_ID = "id#"
_SCANNED = (
    *("chatId", "participantId", "personIds", "imageKey", "formerImageKey", "absentSince"),
    *("sourceUrl", "network", "phoneId", "fullName", "firstSeen", "namedUntil", "chosenAt"),
)


def is_person(chat_id: str) -> bool:
    """Returns True if the key `chat_id` of chatParticipants belongs to a person and not to a chat."""
    return chat_id.startswith(_PARTITION)


class PersonRow(Model):
    """A row of a person: a picture, or a participant id that was linked to a contact. Times are in ms.

    `absent_since` is the time when a sweep found that the person was in no chat.
    """

    person = UnicodeAttribute(hash_key=True, attr_name="chatId")
    item = UnicodeAttribute(range_key=True, attr_name="participantId")
    is_self = BooleanAttribute(attr_name="isSelf", default=False)
    image_key = UnicodeAttribute(null=True, attr_name="imageKey")
    source_url = UnicodeAttribute(null=True, attr_name="sourceUrl")
    network = UnicodeAttribute(null=True)
    phone_id = UnicodeAttribute(null=True, attr_name="phoneId")
    full_name = UnicodeAttribute(null=True, attr_name="fullName")
    first_seen = NumberAttribute(null=True, attr_name="firstSeen")
    named_until = NumberAttribute(null=True, attr_name="namedUntil")
    chosen_at = NumberAttribute(null=True, attr_name="chosenAt")
    absent_since = NumberAttribute(null=True, attr_name="absentSince")
    synced_by = NumberAttribute(null=True, attr_name="syncedBy")


class PersonItem(NamedTuple):
    """A row of a person. `picture` is None if the row is a participant id that was linked to a contact.

    `absent_since` is the time (ms) since which the person is in no chat, 0 if they are in one.
    """

    person_id: str
    item: str
    absent_since: int
    picture: KnownPicture | None


class PicturesOfRow(NamedTuple):
    """The pictures in a row of a chat: a member's own and former one, or the chat's own."""

    chat_id: str
    participant_id: str
    person_ids: tuple[str, ...]
    image_key: str | None
    former_image_key: str | None
    full_name: str | None


@dataclass(frozen=True, slots=True)
class People:
    """All rows of people, and the pictures in all rows of chats."""

    items: list[PersonItem]
    in_chats: list[PicturesOfRow]

    def person_ids_in_chats(self) -> set[str]:
        """Returns the ids of the people who are members of a chat."""
        return {person_id for row in self.in_chats for person_id in row.person_ids}

    def records(self) -> dict[str, KnownPerson]:
        """Returns the record of each person id. People in chats may have an empty record."""
        rows: dict[str, list[PersonItem]] = {person_id: [] for person_id in self.person_ids_in_chats()}
        for item in self.items:
            rows.setdefault(item.person_id, []).append(item)
        return {person_id: _known_person(items) for person_id, items in rows.items()}


class PeopleTable:
    """Reads and writes the rows of people. Every method raises StoreUnavailableError if DynamoDB fails.

    Up to `requests_at_once` requests are sent in parallel.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient", requests_at_once: int) -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._row = bound(PersonRow, table_name=table_name, dynamodb=dynamodb)
        self._requests_at_once = requests_at_once

    def several(self, person_ids: Iterable[str]) -> dict[str, KnownPerson]:
        """Returns the record of each of these person ids. A person id without rows has an empty record."""
        distinct = list(dict.fromkeys(person_ids))
        people = in_parallel(self._person, distinct, at_once=self._requests_at_once)
        return dict(zip(distinct, people, strict=True))

    def record(
        self, pictures: Iterable[tuple[str, KnownPicture]], *, are_new: bool = False, fence: int
    ) -> None:
        """Records these pictures, pairs of a person id and a picture. A recorded first date does not change.

        `are_new` means that the pictures are probably not recorded, so that they can be written in batches.
        Raises FencedOffError.
        """
        to_record = list(pictures)
        if are_new:
            to_record = self._not_inserted(to_record, fence)

        def write(person_and_picture: tuple[str, KnownPicture]) -> None:
            person_id, picture = person_and_picture
            optional: list[tuple[Attribute[Any], str | int | None]] = [
                (PersonRow.named_until, picture.named_until),
                (PersonRow.phone_id, picture.phone_id),
                (PersonRow.full_name, picture.full_name),
            ]
            actions = [
                PersonRow.image_key.set(picture.image_key),
                PersonRow.source_url.set(storable_url(picture.source_url)),
                PersonRow.network.set(picture.network),
                PersonRow.first_seen.set(PersonRow.first_seen | picture.first_seen),
                *(attribute.set(value) if value else attribute.remove() for attribute, value in optional),
            ]
            if picture.chosen_at:
                actions.append(PersonRow.chosen_at.set(picture.chosen_at))
            self._write(self._picture(person_id, picture.image_key), actions, fence)

        with fenced():
            in_parallel(write, to_record, at_once=self._requests_at_once)

    def record_links(self, links: Iterable[tuple[str, str]], *, fence: int) -> None:
        """Records pairs of a person id and a participant id that was linked to a contact.

        Raises FencedOffError.
        """

        def write(link: tuple[str, str]) -> None:
            person_id, participant_id = link
            key = f"{_LINKED_ID}{participant_id}"
            if len(key.encode()) <= MOST_ID_BYTES:  # A longer key would be refused by DynamoDB.
                self._write(self._row(_PARTITION + person_id, key), [], fence)

        with fenced():
            in_parallel(write, links, at_once=self._requests_at_once)

    def choose(self, pictures: Iterable[tuple[str, str]], *, now: int) -> bool:
        """Records at `now` (ms) that these pictures were chosen, pairs of a person id and an image key.

        Returns False if none of them is recorded.
        """
        choices = [
            updated(self._picture(*picture), [PersonRow.chosen_at.set(now)], PersonRow.first_seen.exists())
            for picture in pictures
        ]
        return any(choices)

    def items_and_people_in_chats(self) -> tuple[list[PersonItem], KeySet]:
        """Scans the table and returns all rows of people, and the person ids of the members of chats."""
        items: list[PersonItem] = []
        in_chats = KeySet()
        for item in all_items(self._dynamodb, table_name=self._table_name, attributes=_SCANNED):
            if is_person(item["chatId"]["S"]):
                items.append(_person_item(item))
            else:
                for person_id in _person_ids(item):
                    in_chats.add(person_id)
        return items, in_chats

    def everybody(self) -> People:
        """Scans the table and returns all rows of people, and the pictures in all rows of chats."""
        people = People([], [])
        for item in all_items(self._dynamodb, table_name=self._table_name, attributes=_SCANNED):
            if is_person(item["chatId"]["S"]):
                people.items.append(_person_item(item))
            else:
                people.in_chats.append(_pictures_of_row(item))
        return people

    def mark_absent(self, items: Iterable[PersonItem], *, since: int) -> None:
        """Records that these people are in no chat since `since` (ms); 0 means that they are in one."""
        mark = PersonRow.absent_since.set(since) if since else PersonRow.absent_since.remove()
        in_parallel(
            lambda item: updated(self._row_of(item), [mark], PersonRow.person.exists()),
            items,
            at_once=self._requests_at_once,
        )

    def delete(self, items: Iterable[PersonItem]) -> None:
        """Deletes each of these rows, unless something has changed it since the scan."""

        def delete(item: PersonItem) -> None:
            picture = item.picture
            unchanged = (
                _is(PersonRow.absent_since, item.absent_since)
                & _is(PersonRow.named_until, picture.named_until if picture else 0)
                & _is(PersonRow.chosen_at, picture.chosen_at if picture else 0)
            )
            deleted(self._row_of(item), unchanged)

        in_parallel(delete, items, at_once=self._requests_at_once)

    @aws_errors_translated()
    def _person(self, person_id: str) -> KnownPerson:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table_name,
            KeyConditionExpression="chatId = :person",
            ExpressionAttributeValues={":person": {"S": _PARTITION + person_id}},
            ConsistentRead=True,
        )
        return _known_person([_person_item(item) for page in pages for item in page["Items"]])

    def _not_inserted(
        self, pictures: Sequence[tuple[str, KnownPicture]], fence: int
    ) -> list[tuple[str, KnownPicture]]:
        """Inserts a row for each picture. Returns those that could not be inserted: they may have a row."""
        items = [item_of(self._row, _values(*each, fence)) for each in pictures]
        done = insert(
            self._dynamodb, table_name=self._table_name, items=items, at_once=self._requests_at_once
        )
        return [picture for picture, is_inserted in zip(pictures, done, strict=True) if not is_inserted]

    def _write(self, row: PersonRow, actions: Sequence[Action], fence: int) -> None:
        common = [
            PersonRow.is_self.set(False),
            PersonRow.synced_by.set(fence),
            PersonRow.absent_since.remove(),
        ]
        row.update(actions=[*actions, *common], condition=behind(PersonRow.synced_by, fence))

    def _picture(self, person_id: str, image_key: str) -> PersonRow:
        return self._row(*_key_of_picture(person_id, image_key))

    def _row_of(self, item: PersonItem) -> PersonRow:
        return self._row(_PARTITION + item.person_id, item.item)


def _key_of_picture(person_id: str, image_key: str) -> tuple[str, str]:
    """Returns the key of the row of a picture."""
    # An image key may be longer than a sort key, so the sort key has its hash.
    name = hashlib.sha256(image_key.encode()).hexdigest()[:32]
    return _PARTITION + person_id, _PICTURE + name


def _values(person_id: str, picture: KnownPicture, fence: int) -> dict[str, Any]:
    """Returns the values of the attributes of a new row, by the names of PersonRow."""
    person, item = _key_of_picture(person_id, picture.image_key)
    return {
        "person": person,
        "item": item,
        "is_self": False,
        "image_key": picture.image_key,
        "source_url": storable_url(picture.source_url),
        "network": picture.network,
        "phone_id": picture.phone_id,
        "full_name": picture.full_name,
        "first_seen": picture.first_seen,
        "named_until": picture.named_until or None,
        "chosen_at": picture.chosen_at or None,
        "synced_by": fence,
    }


def _is(time: NumberAttribute, value: int) -> Condition:
    """Returns the condition that the attribute has this value, or does not exist if the value is 0."""
    condition: Condition = time == value if value else time.does_not_exist()
    return condition


def _known_person(items: Sequence[PersonItem]) -> KnownPerson:
    pictures = {item.picture.image_key: item.picture for item in items if item.picture}
    ids = (item.item.removeprefix(_LINKED_ID) for item in items if item.item.startswith(_LINKED_ID))
    return KnownPerson(pictures, frozenset(ids))


def _person_item(item: Item) -> PersonItem:
    return PersonItem(
        item["chatId"]["S"].removeprefix(_PARTITION),
        item["participantId"]["S"],
        _number(item, "absentSince"),
        _known_picture(item) if item["participantId"]["S"].startswith(_PICTURE) else None,
    )


def _pictures_of_row(item: Item) -> PicturesOfRow:
    return PicturesOfRow(
        item["chatId"]["S"],
        item["participantId"]["S"],
        _person_ids(item),
        _text(item, "imageKey"),
        _text(item, "formerImageKey"),
        _text(item, "fullName"),
    )


def _person_ids(item: Item) -> tuple[str, ...]:
    return tuple((_text(item, "personIds") or "").split())


def _known_picture(item: Item) -> KnownPicture:
    return KnownPicture(
        image_key=item["imageKey"]["S"],
        source_url=item["sourceUrl"]["S"],
        network=item["network"]["S"],
        phone_id=_text(item, "phoneId"),
        full_name=_text(item, "fullName"),
        first_seen=_number(item, "firstSeen"),
        named_until=_number(item, "namedUntil"),
        chosen_at=_number(item, "chosenAt"),
    )


def _text(item: Item, attribute: str) -> str | None:
    return item[attribute]["S"] if attribute in item else None


def _number(item: Item, attribute: str) -> int:
    return int(item[attribute]["N"]) if attribute in item else 0
