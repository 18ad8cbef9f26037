"""The JSON of contacts, field by field."""

from typing_extensions import TypedDict  # typing's own cannot be turned into JSON Schema before 3.12

from imagecache.api.shapes import Image, Moment, Shown
from imagecache.model.contact import IdentifierKind, KeptBy


class Identifiers(TypedDict):
    """What a contact is found by, each in its one form: numbers in E.164, the rest in lower case."""

    instagram: list[str]
    whatsapp: list[str]
    phone: list[str]
    email: list[str]


class Clash(TypedDict):
    """An identifier that the contact claims and another one holds, whose claim is older."""

    kind: IdentifierKind
    value: str
    heldBy: str
    heldByName: str | None


class Contact(TypedDict):
    """Somebody whose picture stands in for the one they do not have; `participantIds` are links by hand."""

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
    """A page of contacts, in no order."""

    contacts: list[Contact]
    nextCursor: str | None


class ContactDetail(TypedDict):
    """A contact and the members of chats that it stands for, as the last sync has linked them."""

    contact: Contact
    linked: list[Shown]
    moreLinked: bool


class ContactPut(TypedDict):
    """The contact as it is now; `jobId` is the sync that shows it in the chats, null when none was wanted."""

    contact: Contact
    jobId: str | None


class ContactRemoved(TypedDict):
    """The contact is gone; `jobId` is the sync that takes it out of the chats."""

    contactId: str
    jobId: str
