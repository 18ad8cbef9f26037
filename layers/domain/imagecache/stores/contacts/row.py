"""The schema of the contacts table: people, and beside them who claims each identifier."""

import json
from typing import Any

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from imagecache.model.contact import Contact, Identifier, IdentifierKind, KeptBy
from imagecache.model.image import ImageRef, RejectionReason


class _ByImage(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "byImage"
        projection = KeysOnlyProjection()

    image_key = UnicodeAttribute(hash_key=True, attr_name="imageKey")


class ContactRow(Model):
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


def attributes_of(contact: Contact) -> dict[str, Any]:
    image = contact.image or ImageRef(None)
    return {
        "full_name": contact.full_name,
        "source_url": contact.source_url,
        "image_key": image.key,
        "rejected": image.rejected,
        "identifiers": json.dumps([[one.kind.value, one.value] for one in contact.identifiers]),
        "kept_by": contact.kept_by.value,
        "updated_at": contact.updated_at,
    }


def contact_of(row: ContactRow) -> Contact:
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
