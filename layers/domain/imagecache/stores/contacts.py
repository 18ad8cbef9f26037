"""The contacts table: a row for each contact, and a row for each identifier.

The row of an identifier has its claimants: the ids of the contacts with this identifier, in the order in
which they got it. The holder is the first claimant of the lowest rank whose own row still has the identifier.
So a claimant that a crash failed to remove is ignored. A number or address that contacts of different names
have in one of Beeper's lists has no holder among Beeper's contacts.
"""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from imagecache.aws_errors import aws_errors_translated
from imagecache.errors import ConflictError
from imagecache.model.contact import Contact, Identifier, IdentifierKind, KeptBy, is_shared
from imagecache.model.image import ImageRef, RejectionReason
from imagecache.stores.bulk_reads import Item, batch_get, has_entry, scan
from imagecache.stores.dynamodb import bound, deleted, saved, updated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class _ByImage(GlobalSecondaryIndex[Any]):
    """Finds the contacts that have a certain picture."""

    class Meta:
        index_name = "byImage"
        projection = KeysOnlyProjection()

    image_key = UnicodeAttribute(hash_key=True, attr_name="imageKey")


class ContactRow(Model):
    """A row of a contact or of an identifier. The row of an identifier has only its key and `claimants`."""

    contact_id = UnicodeAttribute(hash_key=True, attr_name="contactId")
    full_name = UnicodeAttribute(null=True, attr_name="fullName")
    source_url = UnicodeAttribute(null=True, attr_name="sourceUrl")
    image_key = UnicodeAttribute(null=True, attr_name="imageKey")
    rejected = UnicodeAttribute(null=True)
    identifiers = UnicodeAttribute(null=True)
    kept_by = UnicodeAttribute(null=True, attr_name="keptBy")
    updated_at = NumberAttribute(null=True, attr_name="updatedAt")
    version = NumberAttribute(null=True)
    username = UnicodeAttribute(null=True)
    claimants: ListAttribute[Any] = ListAttribute(null=True)
    by_image = _ByImage()


CONTACT_ATTRIBUTES = tuple(
    attribute.attr_name for name, attribute in ContactRow.get_attributes().items() if name != "claimants"
)
"""The attributes of a contact's row, by their names in the table."""

_IDENTIFIER_PREFIX = "id#"
_MOST_ATTEMPTS = 10
_CHANGED = "The contact was changed by another request at the same time: try again"


class ContactsTable:
    """Reads and writes the contacts table.

    `rows_per_page` is the number of rows that one page of a listing reads, rows of identifiers included.
    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient", rows_per_page: int = 300) -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._rows_per_page = rows_per_page
        self._row = bound(ContactRow, table_name=table_name, dynamodb=dynamodb)

    @aws_errors_translated()
    def one(self, contact_id: str) -> Contact | None:
        """Returns the contact with this id, or None if it does not exist."""
        try:
            return contact_of(self._row.get(contact_id, consistent_read=True))
        except DoesNotExist:
            return None

    def several(self, contact_ids: Iterable[str]) -> dict[str, Contact]:
        """Returns each of these contacts that exists, by contact id."""
        items = self._get_items(contact_ids, CONTACT_ATTRIBUTES)
        return {item["contactId"]["S"]: contact_of(self._row.from_raw_data(item)) for item in items}

    @aws_errors_translated()
    def page(self, *, after: str | None) -> tuple[list[Contact], str | None]:
        """Returns the contacts among the next `rows_per_page` rows, and the key of the last row.

        The next page starts after that key, which is None on the last page. A page may have no contacts
        although more pages follow. The order is undefined.
        """
        start = {"contactId": {"S": after}} if after else None
        pages = self._row.scan(
            page_size=self._rows_per_page, last_evaluated_key=start, consistent_read=True
        ).page_iter
        items = next(pages)["Items"]
        rows = [self._row.from_raw_data(item) for item in items if "claimants" not in item]
        last_key = pages.last_evaluated_key
        return [contact_of(row) for row in rows], last_key["contactId"]["S"] if last_key else None

    def all_contacts(self) -> Iterator[Contact]:
        """Scans the table and yields every contact."""
        after = None
        while True:
            contacts, after = self.page(after=after)
            yield from contacts
            if after is None:
                return

    def holders(self, identifiers: Iterable[Identifier]) -> dict[Identifier, Contact]:
        """Returns the holder of each of these identifiers that has a holder."""
        rows = self._get_items(map(identifier_row_key, identifiers), ("contactId", "claimants"))
        claimants = {
            _identifier_of(row): [contact_id["S"] for contact_id in row["claimants"]["L"]] for row in rows
        }
        contacts = self.several(contact_id for ids in claimants.values() for contact_id in ids)
        holders: dict[Identifier, Contact] = {}
        for identifier, contact_ids in claimants.items():
            candidates = [contacts[contact_id] for contact_id in contact_ids if contact_id in contacts]
            having = [contact for contact in candidates if identifier in contact.identifiers]
            holder = min(having, key=_rank, default=None)  # the first one of the lowest rank
            if holder and not (holder.kept_by is KeptBy.BEEPER and is_shared(having)):
                holders[identifier] = holder
        return holders

    def image_keys(self) -> Iterator[str]:
        """Scans the index byImage and yields the image key of each contact that has a picture."""
        pages = scan(self._dynamodb, table_name=self._table_name, attributes=["imageKey"], index="byImage")
        return (item["imageKey"]["S"] for items, _ in pages for item in items)

    @aws_errors_translated()
    def referring(self, image_key: str, *, limit: int) -> list[str]:
        """Returns the ids of at most `limit` contacts that have this picture."""
        return [row.contact_id for row in self._row.by_image.query(image_key, limit=limit)]

    def refers_to(self, image_key: str) -> bool:
        """Returns True if a contact has this picture."""
        return has_entry(
            self._dynamodb, table_name=self._table_name, index="byImage", key_name="imageKey", key=image_key
        )

    def put(self, contact: Contact) -> Contact:
        """Creates or replaces the contact, and returns it as it is stored.

        Raises ConflictError if another request changes the contact at the same time.
        """
        return self.save(contact, before=self.one(contact.contact_id))

    def save(self, contact: Contact, *, before: Contact | None) -> Contact:
        """Creates the contact if `before` is None, else replaces it, and returns it as it is stored.

        `before` is the contact as it was read. Raises ConflictError, and does not change the contact, if
        another request has changed it since then.
        """
        old = set(before.identifiers) if before else set()
        new = set(contact.identifiers)
        # Claimants are added before the row is written and removed afterwards. So a crash in between can
        # leave a superfluous claimant, which is ignored, but never loses one, which would hide the contact.
        for identifier in sorted(new - old):
            self._add_claimant(identifier, contact.contact_id)
        version = before.version if before else 0
        row = self._row(contact.contact_id, version=version + 1, **row_values(contact))
        unchanged = ContactRow.version == version if before else ContactRow.contact_id.does_not_exist()
        if not saved(row, unchanged):
            raise ConflictError(_CHANGED)
        for identifier in sorted(old - new):
            self._remove_claimant(identifier, contact.contact_id)
        return contact_of(row)

    def delete(self, contact: Contact) -> None:
        """Deletes the contact. The next claimant of each of its identifiers becomes the holder.

        Raises ConflictError, and deletes nothing, if the contact has been changed since it was read.
        """
        if not deleted(self._row(contact.contact_id), ContactRow.version == contact.version):
            raise ConflictError(_CHANGED)
        for identifier in contact.identifiers:
            self._remove_claimant(identifier, contact.contact_id)

    def _get_items(self, keys: Iterable[str], attributes: tuple[str, ...]) -> list[Item]:
        """Returns these rows by a consistent read: a change just made may decide who holds an identifier."""
        return batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="contactId",
            keys=keys,
            attributes=attributes,
            consistent=True,
        )

    def _add_claimant(self, identifier: Identifier, contact_id: str) -> None:
        """Appends the contact to the claimants of the identifier, unless it is among them already."""
        actions = [ContactRow.claimants.set((ContactRow.claimants | []).append([contact_id]))]
        is_new = ContactRow.claimants.does_not_exist() | ~ContactRow.claimants.contains(contact_id)
        updated(self._row(identifier_row_key(identifier)), actions, is_new)

    @aws_errors_translated()
    def _remove_claimant(self, identifier: Identifier, contact_id: str) -> None:
        """Removes the contact from the claimants of the identifier.

        Raises ConflictError if other requests change the claimants during each of ten attempts.
        """
        for _ in range(_MOST_ATTEMPTS):
            try:
                row = self._row.get(identifier_row_key(identifier), consistent_read=True)
            except DoesNotExist:
                return
            if self._replace_claimants(
                row, [claimant for claimant in row.claimants if claimant != contact_id]
            ):
                return
        raise ConflictError(f"Too many changes of the identifier {identifier.value} at once: try again")

    def _replace_claimants(self, row: ContactRow, claimants: list[str]) -> bool:
        """Writes the claimants, or deletes the row if there are none left.

        Returns False, and changes nothing, if the row has changed since it was read.
        """
        unchanged = ContactRow.claimants == row.claimants
        if claimants:
            return updated(self._row(row.contact_id), [ContactRow.claimants.set(claimants)], unchanged)
        return deleted(row, unchanged)


def _rank(contact: Contact) -> int:
    return contact.rank


def identifier_row_key(identifier: Identifier) -> str:
    """Returns the key of the row with the claimants of the identifier."""
    return f"{_IDENTIFIER_PREFIX}{identifier.kind.value}#{identifier.value}"


def _identifier_of(row: Item) -> Identifier:
    kind, _, value = row["contactId"]["S"].removeprefix(_IDENTIFIER_PREFIX).partition("#")
    return Identifier(IdentifierKind(kind), value)


def row_values(contact: Contact) -> dict[str, Any]:
    """Returns the attributes of a contact's row, except its key and its version."""
    image = contact.image or ImageRef(None)
    identifiers = [[identifier.kind.value, identifier.value] for identifier in contact.identifiers]
    return {
        "full_name": contact.full_name,
        "source_url": contact.source_url,
        "image_key": image.key,
        "rejected": image.rejected,
        "identifiers": json.dumps(identifiers),
        "kept_by": contact.kept_by.value,
        "updated_at": contact.updated_at,
        "username": contact.username,
    }


def contact_of(row: ContactRow) -> Contact:
    """Converts the row of a contact to a Contact."""
    rejected = RejectionReason(row.rejected) if row.rejected else None
    return Contact(
        contact_id=row.contact_id,
        full_name=row.full_name,
        source_url=row.source_url,
        image=ImageRef(row.image_key, rejected) if row.source_url else None,
        identifiers=tuple(
            Identifier(IdentifierKind(kind), value) for kind, value in json.loads(row.identifiers or "[]")
        ),
        kept_by=KeptBy(row.kept_by),
        updated_at=int(row.updated_at or 0),
        version=int(row.version or 0),
        username=row.username,
    )
