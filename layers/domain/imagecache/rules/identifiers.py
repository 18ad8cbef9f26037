"""What names a person outside of a chat → one form of it, however it was written.

Contacts and members of chats meet when they bear the same identifier in this form.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from imagecache.model.chat import Participant
from imagecache.model.contact import Identifier, IdentifierKind

_INSTAGRAM_PAGE = re.compile(r"(https?://)?(www\.)?instagram\.com/", re.IGNORECASE)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_IMESSAGE = "imsg##participant:"
# They become keys, which DynamoDB ends at 2,048 bytes; nobody's is longer than an e-mail address may be.
_MOST_CHARS = 254
# A member's id is a sort key.
_MOST_ID_BYTES = 1024


def identifier(kind: IdentifierKind, text: str, *, region: str) -> Identifier | None:
    """In its one form; None for what cannot be one. `region` is where numbers without a country are."""
    match kind:
        case IdentifierKind.PARTICIPANT:
            value = text if 0 < len(text.encode()) <= _MOST_ID_BYTES else None
        case IdentifierKind.INSTAGRAM:
            value = _instagram(text)
        case IdentifierKind.WHATSAPP:
            # WhatsApp says numbers with their country and without the plus.
            value = _e164(f"+{text.strip()}", region) if text.strip()[:1] in "123456789" else None
            value = value or _e164(text, region)
        case IdentifierKind.PHONE:
            value = _e164(text, region)
        case IdentifierKind.EMAIL:
            value = _email(text)
    return Identifier(kind, value) if value else None


def identifiers_of(person: Participant, *, network: str, region: str) -> list[Identifier]:
    """What a member may be found by, in the order of choice; `network` as Beeper calls it, or the account."""
    name = network.casefold()
    phone, email = _reached_by(person)
    known = [
        (IdentifierKind.PARTICIPANT, person.participant_id),
        (IdentifierKind.INSTAGRAM, person.username if "instagram" in name else None),
        (IdentifierKind.WHATSAPP, phone if "whatsapp" in name else None),
        (IdentifierKind.PHONE, phone),
        (IdentifierKind.EMAIL, email),
    ]
    return _all((identifier(kind, text, region=region) for kind, text in known if text))


def _all(found: Iterable[Identifier | None]) -> list[Identifier]:
    return [one for one in found if one]


def _reached_by(person: Participant) -> tuple[str | None, str | None]:
    """Phone number and e-mail address. iMessage often says them in the id alone."""
    phone, email = person.phone_number, person.email
    if person.participant_id.startswith(_IMESSAGE):
        handle = person.participant_id.removeprefix(_IMESSAGE)
        return (phone, email or handle) if "@" in handle else (phone or handle, email)
    return phone, email


def _instagram(text: str) -> str | None:
    """User names know no case; people write them with an @, or copy the address of the page."""
    name = _INSTAGRAM_PAGE.sub("", text.strip(), count=1)
    name = re.split(r"[/?#]", name, maxsplit=1)[0].lstrip("@").casefold()
    return name if name and not re.search(r"\s", name) and len(name) <= _MOST_CHARS else None


@lru_cache(maxsize=4096)
def _e164(text: str, region: str) -> str | None:
    """`+` and the digits that a telephone network wants. Whether somebody has the number is not asked."""
    import phonenumbers  # noqa: PLC0415 - 100 ms of a cold start, for what most invocations never need

    if len(text) > _MOST_CHARS:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _email(text: str) -> str | None:
    """Servers may tell cases apart, and none does."""
    address = text.strip().casefold()
    return address if _EMAIL.fullmatch(address) and len(address) <= _MOST_CHARS else None
