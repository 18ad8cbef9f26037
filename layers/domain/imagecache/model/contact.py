"""Contacts: people whose pictures are kept outside of Beeper."""

from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.image import ImageRef


class KeptBy(StrEnum):
    """Who keeps a contact: the owner, by hand, or Dex."""

    MANUAL = "manual"
    DEX = "dex"


class IdentifierKind(StrEnum):
    """What an identifier is. PARTICIPANT, a member's own id, is a link that somebody made by hand."""

    PARTICIPANT = "participant"
    INSTAGRAM = "instagram"
    WHATSAPP = "whatsapp"
    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One of them, in its one form. At most one contact has it, the first to claim it."""

    kind: IdentifierKind
    value: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A person outside of chats. `version` counts its changes, 0 before the first; times in ms."""

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
        return self.image.key if self.image else None
