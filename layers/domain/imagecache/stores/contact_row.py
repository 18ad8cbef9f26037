"""The schema of the contacts table: people, and beside them who claims each identifier."""

import json
from dataclasses import dataclass
from typing import Any

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from imagecache.identifiers import Identifier, IdentifierKind
from imagecache.model import ContactSource, ImageRef, RejectionReason


class _ByImage(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "byImage"
        projection = KeysOnlyProjection()

    image_key = UnicodeAttribute(hash_key=True, attr_name="imageKey")


class ContactRow(Model):
    contact_id = UnicodeAttribute(hash_key=True, attr_name="contactId")
    full_name = UnicodeAttribute(null=True, attr_name="fullName")
    image_url = UnicodeAttribute(null=True, attr_name="imageUrl")
    image_key = UnicodeAttribute(null=True, attr_name="imageKey")
    rejected = UnicodeAttribute(null=True)
    identifiers = UnicodeAttribute(null=True)
    source = UnicodeAttribute(null=True)
    updated_at = NumberAttribute(null=True, attr_name="updatedAt")
    version = NumberAttribute(null=True)
    claimants: ListAttribute[Any] = ListAttribute(null=True)
    by_image = _ByImage()


@dataclass(frozen=True, slots=True)
class Contact:
    """A person outside of chats. `version` counts its changes, 0 before the first; times in ms."""

    contact_id: str
    full_name: str | None
    image_url: str | None
    image: ImageRef | None
    identifiers: tuple[Identifier, ...]
    source: ContactSource
    updated_at: int = 0
    version: int = 0

    @property
    def image_key(self) -> str | None:
        return self.image.key if self.image else None


def attributes_of(contact: Contact) -> dict[str, Any]:
    image = contact.image or ImageRef(None)
    return {
        "full_name": contact.full_name,
        "image_url": contact.image_url,
        "image_key": image.key,
        "rejected": image.rejected,
        "identifiers": json.dumps([[one.kind.value, one.value] for one in contact.identifiers]),
        "source": contact.source.value,
        "updated_at": contact.updated_at,
    }


def contact_of(row: ContactRow) -> Contact:
    rejected = RejectionReason(row.rejected) if row.rejected else None
    return Contact(
        contact_id=row.contact_id,
        full_name=row.full_name,
        image_url=row.image_url,
        image=ImageRef(row.image_key, rejected) if row.image_url else None,
        identifiers=tuple(
            Identifier(IdentifierKind(kind), value) for kind, value in json.loads(row.identifiers or "[]")
        ),
        source=ContactSource(row.source),
        updated_at=int(row.updated_at or 0),
        version=int(row.version or 0),
    )
