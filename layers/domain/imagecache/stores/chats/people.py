"""The people in chatParticipants: for each person id, the pictures that Beeper names or has named.

The rows of a person id are a partition of the table with the key `person#<person id>`. There, a picture has a
row `picture#<hash of the image key>`, and an earlier participant id that was linked to a contact has a row
`id#<participant id>`. The index byImage contains the pictures, so that a picture in use is not an orphan.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pynamodb.attributes import Attribute, BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from imagecache.aws_errors import aws_errors_translated
from imagecache.model.person import KnownPerson, KnownPicture
from imagecache.rules.source_urls import storable_url
from imagecache.stores.dynamodb import behind, bound, deleted, fenced, scan, updated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")
R = TypeVar("R")

_PARTITION = "person#"
_PICTURE = "picture#"
_LINKED_ID = "id#"


def is_person(chat_id: str) -> bool:
    """Returns True if this key of chatParticipants is a person's and not a chat's."""
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
    first_seen = NumberAttribute(null=True, attr_name="firstSeen")
    named_until = NumberAttribute(null=True, attr_name="namedUntil")
    chosen_at = NumberAttribute(null=True, attr_name="chosenAt")
    absent_since = NumberAttribute(null=True, attr_name="absentSince")
    synced_by = NumberAttribute(null=True, attr_name="syncedBy")


class PersonItem(NamedTuple):
    """The key of a row of a person, and the time (ms) since which the person is in no chat, 0 if they are."""

    person_id: str
    item: str
    absent_since: int


@dataclass(frozen=True, slots=True)
class People:
    """All rows of people, and the ids of the people who are members of a chat."""

    items: list[PersonItem]
    in_chats: set[str]


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
        return dict(zip(distinct, self._all(self._person, distinct), strict=True))

    def record(self, pictures: Iterable[tuple[str, KnownPicture]], *, fence: int) -> None:
        """Records these pictures, pairs of a person id and a picture. A recorded first date does not change.

        Raises FencedOffError.
        """

        def write(person_and_picture: tuple[str, KnownPicture]) -> None:
            person_id, picture = person_and_picture
            optional: list[tuple[Attribute[Any], str | int | None]] = [
                (PersonRow.named_until, picture.named_until),
                (PersonRow.phone_id, picture.phone_id),
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
            self._all(write, pictures)

    def record_links(self, links: Iterable[tuple[str, str]], *, fence: int) -> None:
        """Records pairs of a person id and a participant id that was linked to a contact.

        Raises FencedOffError.
        """

        def write(link: tuple[str, str]) -> None:
            person_id, participant_id = link
            # The sort key of a row may have 1,024 bytes, as many as a participant id alone.
            key = f"{_LINKED_ID}{participant_id}"
            if len(key.encode()) <= 1024:
                self._write(self._row(_PARTITION + person_id, key), [], fence)

        with fenced():
            self._all(write, links)

    def delete_pictures(self, pictures: Iterable[tuple[str, str]], *, fence: int) -> None:
        """Deletes the records of these pictures, pairs of a person id and an image key.

        Raises FencedOffError.
        """

        def delete(picture: tuple[str, str]) -> None:
            self._picture(*picture).delete(condition=behind(PersonRow.synced_by, fence))

        with fenced():
            self._all(delete, pictures)

    def choose(self, pictures: Iterable[tuple[str, str]], *, now: int) -> bool:
        """Records at `now` (ms) that these pictures were chosen, pairs of a person id and an image key.

        Returns False if none of them is recorded.
        """
        choices = [
            updated(self._picture(*picture), [PersonRow.chosen_at.set(now)], PersonRow.first_seen.exists())
            for picture in pictures
        ]
        return any(choices)

    def everybody(self) -> People:
        """Scans the table and returns all rows of people, and the ids of the people in chats."""
        people = People([], set())
        attributes = ("chatId", "participantId", "personIds", "absentSince")
        for items, _ in scan(self._dynamodb, table_name=self._table_name, attributes=attributes):
            for item in items:
                chat_id = item["chatId"]["S"]
                if is_person(chat_id):
                    absent_since = int(item.get("absentSince", {}).get("N", 0))
                    person_id = chat_id.removeprefix(_PARTITION)
                    people.items.append(PersonItem(person_id, item["participantId"]["S"], absent_since))
                elif "personIds" in item:
                    people.in_chats.update(item["personIds"]["S"].split())
        return people

    def mark_absent(self, items: Iterable[PersonItem], *, since: int) -> None:
        """Records that these people are in no chat since `since` (ms); 0 means that they are in one."""
        mark = PersonRow.absent_since.set(since) if since else PersonRow.absent_since.remove()
        self._all(
            lambda item: updated(self._row_of(item), [mark], PersonRow.person.exists()),
            items,
        )

    def delete(self, items: Iterable[PersonItem]) -> None:
        """Deletes each of these rows, unless its mark has changed since it was read."""

        def delete(item: PersonItem) -> None:
            unchanged = (
                PersonRow.absent_since == item.absent_since
                if item.absent_since
                else PersonRow.absent_since.does_not_exist()
            )
            deleted(self._row_of(item), unchanged)

        self._all(delete, items)

    @aws_errors_translated()
    def _person(self, person_id: str) -> KnownPerson:
        rows = list(self._row.query(_PARTITION + person_id, consistent_read=True))
        return KnownPerson(
            {row.image_key: _known_picture(row) for row in rows if row.image_key},
            frozenset(row.item.removeprefix(_LINKED_ID) for row in rows if row.item.startswith(_LINKED_ID)),
        )

    def _write(self, row: PersonRow, actions: Sequence[Action], fence: int) -> None:
        common = [
            PersonRow.is_self.set(False),
            PersonRow.synced_by.set(fence),
            PersonRow.absent_since.remove(),
        ]
        row.update(actions=[*actions, *common], condition=behind(PersonRow.synced_by, fence))

    def _picture(self, person_id: str, image_key: str) -> PersonRow:
        # An image key may be longer than a sort key, so the sort key has its hash.
        name = hashlib.sha256(image_key.encode()).hexdigest()[:32]
        return self._row(_PARTITION + person_id, _PICTURE + name)

    def _row_of(self, item: PersonItem) -> PersonRow:
        return self._row(_PARTITION + item.person_id, item.item)

    def _all(self, do: Callable[[T], R], items: Iterable[T]) -> list[R]:
        pending = list(items)
        if len(pending) < 2:
            return [do(item) for item in pending]
        with ThreadPoolExecutor(self._requests_at_once) as pool:
            return list(pool.map(do, pending))


def _known_picture(row: PersonRow) -> KnownPicture:
    return KnownPicture(
        image_key=row.image_key,
        source_url=row.source_url,
        network=row.network,
        phone_id=row.phone_id,
        first_seen=int(row.first_seen),
        named_until=int(row.named_until or 0),
        chosen_at=int(row.chosen_at or 0),
    )
