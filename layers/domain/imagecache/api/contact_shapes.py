"""The JSON of contacts, field by field."""

from typing_extensions import TypedDict  # typing's own cannot be turned into JSON Schema before 3.12

from imagecache.api.shapes import Image, Moment, Shown
from imagecache.model.contact import IdentifierKind, KeptBy
from imagecache.rules.identifiers import WRITTEN_KINDS

# It has a field for each kind that people write, so that a new kind is added to rules/identifiers.py alone.
Identifiers = TypedDict(  # type: ignore[misc]  # mypy knows only literal fields
    "Identifiers", {kind.value: list[str] for kind in WRITTEN_KINDS}
)
Identifiers.__doc__ = "A contact's identifiers in normal form: numbers in E.164, the others in lower case."


class Clash(TypedDict):
    """An identifier of the contact that another contact has had for longer, and therefore holds."""

    kind: IdentifierKind
    value: str
    heldBy: str
    heldByName: str | None


class Contact(TypedDict):
    """A person whose picture is shown where they have none of their own.

    `participantIds` are members that were linked by hand.
    """

    contactId: str
    fullName: str | None
    imageUrl: str | None
    identifiers: Identifiers
    participantIds: list[str]
    source: KeptBy
    updatedAt: Moment | None
    image: Image
    clashes: list[Clash]


class Contacts(TypedDict):
    """A page of contacts, in no order; `nextCursor` is null at the end."""

    contacts: list[Contact]
    nextCursor: str | None


class ContactDetail(TypedDict):
    """A contact, and the members of chats that the last sync has linked to it."""

    contact: Contact
    linked: list[Shown]
    moreLinked: bool


class ContactPut(TypedDict):
    """The contact as it is now. `jobId` is the sync that links it in the chats, null if none was started."""

    contact: Contact
    jobId: str | None


class ContactRemoved(TypedDict):
    """The contact is deleted. `jobId` is the sync that removes its links from the chats."""

    contactId: str
    jobId: str
