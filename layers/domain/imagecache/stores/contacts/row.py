"""The schema of the contacts table: a row for each contact, and one with the claimants of each identifier."""

import json
from typing import Any

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from imagecache.model.contact import Contact, Identifier, IdentifierKind, KeptBy
from imagecache.model.image import ImageRef, RejectionReason


class _ByImage(GlobalSecondaryIndex[Any]):
    """Finds the contacts that have a certain picture."""

    class Meta:
        index_name = "byImage"
        projection = KeysOnlyProjection()

    image_key = UnicodeAttribute(hash_key=True, attr_name="imageKey")


class ContactRow(Model):
    """A row of either sort. Only the row of an identifier has `claimants`, and it has nothing else."""

    contact_id = UnicodeAttribute(hash_key=True, attr_name="contactId")
    full_name = UnicodeAttribute(null=True, attr_name="fullName")
    source_url = UnicodeAttribute(null=True, attr_name="sourceUrl")
    image_key = UnicodeAttribute(null=True, attr_name="imageKey")
    rejected = UnicodeAttribute(null=True)
    identifiers = UnicodeAttribute(null=True)
    kept_by = UnicodeAttribute(null=True, attr_name="keptBy")
    updated_at = NumberAttribute(null=True, attr_name="updatedAt")
    version = NumberAttribute(null=True)
    claimants: ListAttribute[Any] = ListAttribute(null=True)
    by_image = _ByImage()


CONTACT_ATTRIBUTES = tuple(
    attribute.attr_name for name, attribute in ContactRow.get_attributes().items() if name != "claimants"
)
"""The names, in the table, of the attributes of a contact's row."""


def row_values(contact: Contact) -> dict[str, Any]:
    """Returns the attributes of a contact's row, but for its key and its version."""
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
    }


def contact_of(row: ContactRow) -> Contact:
    """Returns the contact that a row holds."""
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
    )
