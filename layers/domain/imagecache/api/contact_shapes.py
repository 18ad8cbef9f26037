"""The JSON of contacts, field by field."""

from typing_extensions import TypedDict  # typing's own cannot be turned into JSON Schema before 3.12

from imagecache.api.shapes import Image, Moment, Shown
from imagecache.model.contact import IdentifierKind, KeptBy
from imagecache.rules.identifiers import WRITTEN_KINDS

# The fields are generated from WRITTEN_KINDS, so that a new kind has to be added only to
# rules/identifiers.py.
Identifiers = TypedDict(  # type: ignore[misc]  # mypy knows only literal fields
    "Identifiers", {kind.value: list[str] for kind in WRITTEN_KINDS}
)
Identifiers.__doc__ = "A contact's identifiers in normal form: numbers in E.164, the others in lower case."


class Clash(TypedDict):
    """An identifier of the contact for which the contact `heldBy` counts.

    That one had it earlier. A contact from Beeper gives way to any other, whichever came first.
    """

    kind: IdentifierKind
    value: str
    heldBy: str
    heldByName: str | None


class Contact(TypedDict):
    """A contact. Its picture is shown for linked members that have no cached picture of their own.

    Its name is shown for those that have none. `imageUrl` is the URL of the picture. `participantIds` has the
    members that were linked by hand, and the person's own id if `source` is `beeper`.
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
    """A page of contacts, in undefined order. `nextCursor` is null on the last page."""

    contacts: list[Contact]
    nextCursor: str | None


class ContactDetail(TypedDict):
    """A contact, and members of chats that the last sync has linked to it.

    `moreLinked` is true if further members are linked.
    """

    contact: Contact
    linked: list[Shown]
    moreLinked: bool


class ContactPut(TypedDict):
    """The stored contact. `jobId` is the sync that links it with members, or null if none was started."""

    contact: Contact
    jobId: str | None


class ContactRemoved(TypedDict):
    """The contact was deleted. `jobId` is the sync that removes its links with members of chats."""

    contactId: str
    jobId: str
