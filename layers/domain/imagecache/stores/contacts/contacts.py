"""The contacts table: people whose pictures stand in for those they do not have, and what finds them.

Beside each contact there is a row for each identifier: who claims it, the oldest first. These rows are an
index; what a contact's own row says is what counts, so a claim that a crash has left over holds nothing up.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pynamodb.exceptions import DeleteError, DoesNotExist, PutError

from imagecache.aws_errors import aws_errors_translated
from imagecache.errors import ConflictError
from imagecache.model.contact import Contact, Identifier, IdentifierKind
from imagecache.stores.contacts.row import ContactRow, attributes_of, contact_of
from imagecache.stores.dynamodb.batch_get import Item, batch_get
from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.conditional import is_refusal, updated
from imagecache.stores.dynamodb.scan import scan

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CLAIM = "id#"
# Rows looked at for a page: claims are among them.
_LOOKED_AT = 300
_ATTEMPTS = 10


class ContactsTable:
    """Rows of contacts."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._row = bound(ContactRow, table_name=table_name, dynamodb=dynamodb)

    def one(self, contact_id: str) -> Contact | None:
        """None when there is no such contact."""
        try:
            return contact_of(self._row.get(contact_id, consistent_read=True))
        except DoesNotExist:
            return None

    def several(self, contact_ids: Iterable[str]) -> dict[str, Contact]:
        """Those that exist, by their ids."""
        items = self._get(contact_ids, _ATTRIBUTES)
        return {item["contactId"]["S"]: contact_of(self._row.from_raw_data(item)) for item in items}

    def page(self, *, after: str | None) -> tuple[list[Contact], str | None]:
        """Contacts among the next some hundred rows, in no order, and where to go on."""
        start = {"contactId": {"S": after}} if after else None
        rows = self._row.scan(page_size=_LOOKED_AT, last_evaluated_key=start, consistent_read=True).page_iter
        items = next(rows)["Items"]
        found = [self._row.from_raw_data(item) for item in items if "claimants" not in item]
        end = rows.last_evaluated_key
        return [contact_of(row) for row in found], end["contactId"]["S"] if end else None

    def everybody(self) -> Iterator[Contact]:
        """Every contact, by a scan."""
        after = None
        while True:
            found, after = self.page(after=after)
            yield from found
            if after is None:
                return

    def holders(self, identifiers: Iterable[Identifier]) -> dict[Identifier, Contact]:
        """Whose each identifier is: the first to claim it among those who still have it."""
        rows = self._get((_name(one) for one in identifiers), ("contactId", "claimants"))
        claims = {_named(item): [one["S"] for one in item["claimants"]["L"]] for item in rows}
        known = self.several(contact for claimants in claims.values() for contact in claimants)
        holders = {
            one: [known[contact] for contact in claimants if one in _identifiers(known.get(contact))]
            for one, claimants in claims.items()
        }
        return {one: contacts[0] for one, contacts in holders.items() if contacts}

    def image_keys(self) -> Iterator[str]:
        """The key of every contact's picture, by a scan of the index."""
        pages = scan(self._dynamodb, table_name=self._table_name, attributes=["imageKey"], index="byImage")
        return (item["imageKey"]["S"] for items, _ in pages for item in items)

    @aws_errors_translated()
    def referring(self, image_key: str, *, limit: int) -> list[str]:
        """The ids of contacts with this picture, at most `limit` of them."""
        return [row.contact_id for row in self._row.by_image.query(image_key, limit=limit)]

    def save(self, contact: Contact, *, before: Contact | None) -> Contact:
        """As it is now. Claims first, so that what the row says is found. Raises ConflictError.

        `before` is the contact as it was read: one that was changed since then is not overwritten.
        """
        version = before.version if before else 0
        had, has = set(_identifiers(before)), set(contact.identifiers)
        for one in sorted(has - had):
            self._claim(one, contact.contact_id)
        row = self._row(contact.contact_id, version=version + 1, **attributes_of(contact))
        known = ContactRow.version == version if before else ContactRow.contact_id.does_not_exist()
        try:
            row.save(condition=known)
        except PutError as error:
            raise _changed(error) from error
        for one in sorted(had - has):
            self._release(one, contact.contact_id)
        return contact_of(row)

    def delete(self, contact: Contact) -> None:
        """Its identifiers are then the next claimant's. Raises ConflictError."""
        try:
            self._row(contact.contact_id).delete(condition=ContactRow.version == contact.version)
        except DeleteError as error:
            raise _changed(error) from error
        for one in contact.identifiers:
            self._release(one, contact.contact_id)

    def _get(self, keys: Iterable[str], attributes: tuple[str, ...]) -> list[Item]:
        """Consistently: what a change has written a moment ago decides who is who."""
        return batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="contactId",
            keys=keys,
            attributes=attributes,
            consistent=True,
        )

    def _claim(self, one: Identifier, contact_id: str) -> None:
        """Last in the queue for it, once."""
        actions = [ContactRow.claimants.set((ContactRow.claimants | []).append([contact_id]))]
        new = ContactRow.claimants.does_not_exist() | ~ContactRow.claimants.contains(contact_id)
        updated(self._row(_name(one)), actions, new)

    def _release(self, one: Identifier, contact_id: str) -> None:
        """Out of the queue, wherever it stood. Raises TimeoutError when others keep changing it."""
        for _ in range(_ATTEMPTS):
            try:
                row = self._row.get(_name(one), consistent_read=True)
            except DoesNotExist:
                return
            left = [claimant for claimant in row.claimants if claimant != contact_id]
            if self._replace_claims(row, left):
                return
        raise TimeoutError("an identifier's claims changed all the time")

    def _replace_claims(self, row: ContactRow, left: list[str]) -> bool:
        unchanged = ContactRow.claimants == row.claimants
        if left:
            return updated(self._row(row.contact_id), [ContactRow.claimants.set(left)], unchanged)
        try:
            row.delete(condition=unchanged)
        except DeleteError as error:
            if is_refusal(error):
                return False
            raise
        return True


_ATTRIBUTES = (
    "contactId",
    "fullName",
    "sourceUrl",
    "imageKey",
    "rejected",
    "identifiers",
    "keptBy",
    "updatedAt",
    "version",
)


def _changed(error: PutError | DeleteError) -> Exception:
    return ConflictError("the contact was changed meanwhile: try again") if is_refusal(error) else error


def _name(one: Identifier) -> str:
    return f"{_CLAIM}{one.kind.value}#{one.value}"


def _named(item: Item) -> Identifier:
    kind, _, value = item["contactId"]["S"].removeprefix(_CLAIM).partition("#")
    return Identifier(IdentifierKind(kind), value)


def _identifiers(contact: Contact | None) -> tuple[Identifier, ...]:
    return contact.identifiers if contact else ()
