"""Contacts: people with pictures that the owner or Dex has, independent of Beeper."""

from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.image import ImageRef, ImageSource, image_source


class KeptBy(StrEnum):
    """The origin of a contact. `manual`: put by the owner. `dex`: imported, so an import may change it."""

    MANUAL = "manual"
    DEX = "dex"


class IdentifierKind(StrEnum):
    """The kinds of identifiers. `participant` is a member's own id: a link that a person has made by hand."""

    # The rule of each kind is in rules/identifiers.py. A value is a JSON name, and a column of files in which
    # only letters count: lower-case letters.
    PARTICIPANT = "participant"
    INSTAGRAM = "instagram"
    WHATSAPP = "whatsapp"
    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """An identifier in its normal form. If several contacts have it, the first of them holds it."""

    kind: IdentifierKind
    value: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact: a person with a name, a picture and identifiers.

    `source_url` is the URL of the picture, and `image` has its image key or the reason why the URL is
    rejected. `updated_at` is in ms. `version` is the number of writes, 0 before the contact is stored.
    """

    contact_id: str
    full_name: str | None
    source_url: str | None
    image: ImageRef | None
    identifiers: tuple[Identifier, ...]
    kept_by: KeptBy
    updated_at: int = 0
    version: int = 0

    @property
    def image_key(self) -> str | None:
        """The image key of the contact's picture, or None if there is none or its URL is rejected."""
        return self.image.key if self.image else None

    @property
    def image_source(self) -> ImageSource | None:
        """The contact's picture, or None if there is none or its URL is rejected."""
        return image_source(self.image, self.source_url)
