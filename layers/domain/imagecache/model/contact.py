"""Contacts: people whose pictures are kept outside of Beeper."""

from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.image import ImageRef, ImageSource, image_source


class KeptBy(StrEnum):
    """The two keepers of contacts: the owner, by hand, and Dex, whose contacts the import replaces."""

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
    """An identifier in its normal form. Of all contacts that have it, only the first claimant holds it."""

    kind: IdentifierKind
    value: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A person outside of chats.

    `source_url` is the URL of their picture, and `image` the key of its image or the reason why it is never
    fetched. `updated_at` is in ms. `version` counts the changes and is 0 before the contact is stored.
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
        """The key of the contact's picture, if they have one that can be fetched."""
        return self.image.key if self.image else None

    @property
    def image_source(self) -> ImageSource | None:
        """The contact's picture, if they have one that can be fetched."""
        return image_source(self.image, self.source_url)
