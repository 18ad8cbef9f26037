"""Contacts: people with pictures that the owner, Dex or Beeper's own lists of contacts have."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.image import ImageRef, ImageSource, image_source


class KeptBy(StrEnum):
    """The origin of a contact.

    `manual`: put by the owner. `dex`, and `beeper` (Beeper's list of the contacts of one account): imported,
    so an import may change it.
    """

    MANUAL = "manual"
    DEX = "dex"
    BEEPER = "beeper"


class IdentifierKind(StrEnum):
    """The kinds of identifiers.

    `participant` is a member's id: the owner links a contact with it, and Beeper's contacts have it.
    """

    # The rule of each kind is in rules/identifiers.py. A value is a JSON name, and a column of files in which
    # only letters count: lower-case letters.
    PARTICIPANT = "participant"
    INSTAGRAM = "instagram"
    WHATSAPP = "whatsapp"
    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """An identifier in its normal form. Of several contacts that have it, one holds it: see `rank`."""

    kind: IdentifierKind
    value: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact: a person with a name, a picture and identifiers.

    `source_url` is the URL of the picture, and `image` has its image key or the reason why the URL is
    rejected. `updated_at` is in ms. `version` is the number of writes, 0 before the contact is stored.
    `username` is only set for contacts from Beeper: the user name in the network of their account.
    """

    contact_id: str
    full_name: str | None
    source_url: str | None
    image: ImageRef | None
    identifiers: tuple[Identifier, ...]
    kept_by: KeptBy
    updated_at: int = 0
    version: int = 0
    username: str | None = None

    @property
    def image_key(self) -> str | None:
        """The image key of the contact's picture, or None if there is none or its URL is rejected."""
        return self.image.key if self.image else None

    @property
    def image_source(self) -> ImageSource | None:
        """The contact's picture, or None if there is none or its URL is rejected."""
        return image_source(self.image, self.source_url)

    @property
    def rank(self) -> int:
        """The preference for this contact among several contacts of one person: the lowest rank wins.

        Contacts from Beeper only complete the others, so each has a higher rank, the highest without a
        picture. Between equal ranks the order decides in which they got the identifier.
        """
        if self.kept_by is not KeptBy.BEEPER:
            return 0
        return 1 if self.image_key else 2

    def has_other_name(self, other: "Contact") -> bool:
        """Returns True if both contacts have names, and these differ in more than upper and lower case."""
        names = {contact.full_name.casefold() for contact in (self, other) if contact.full_name}
        return len(names) > 1


def is_shared(contacts: Iterable[Contact]) -> bool:
    """Returns True if two of these contacts with the same identifier are different people of one list.

    A family may share a number, and Beeper may list a person twice, with an old and a new participant id. So
    contacts from the list of one account are different people if their names differ.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for contact in contacts:
        if contact.kept_by is KeptBy.BEEPER and contact.full_name:
            list_id = contact.contact_id.rpartition(":")[0]
            names[list_id].add(contact.full_name.casefold())
    return any(len(names_of_list) > 1 for names_of_list in names.values())
