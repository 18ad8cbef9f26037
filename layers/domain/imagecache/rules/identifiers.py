"""The kinds of identifiers by which a person is found, and the normal form of each kind.

A contact and a member of a chat are the same person if they have an identifier in common. RULES defines every
kind, and all code that depends on the kind uses RULES.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from imagecache.model.chat import MOST_ID_BYTES, Participant
from imagecache.model.contact import Identifier, IdentifierKind

_INSTAGRAM_PAGE = re.compile(r"(https?://)?(www\.)?instagram\.com/", re.IGNORECASE)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_IMESSAGE_PREFIX = "imsg##participant:"
# The longest valid e-mail address. An identifier is part of a key, for which DynamoDB allows 2,048 bytes.
_MOST_CHARS = 254
_EXAMPLE_NUMBER = "include the country code, for example +44 20 7946 0958"


@dataclass(frozen=True, slots=True)
class IdentifierRule:
    """A kind of identifier.

    `normal_form(text, region)` returns the normal form of a text, or None if the text is not valid. `region`
    is the country, such as GB, of phone numbers without a country code. `of_member(member, network)` returns
    the text of this kind that a member of a chat has, before it is normalised. `noun` and `hint` are parts of
    the message about an invalid text. `is_written` is False for PARTICIPANT, which clients send in a separate
    field.
    """

    noun: str
    hint: str
    normal_form: Callable[[str, str], str | None]
    of_member: Callable[[Participant, str], str | None]
    is_written: bool = True


def identifier(kind: IdentifierKind, text: str, *, region: str) -> Identifier | None:
    """Returns the identifier in its normal form, or None if the text is not valid."""
    value = RULES[kind].normal_form(text, region)
    return Identifier(kind, value) if value else None


def identifiers_of(member: Participant, *, network: str, region: str) -> list[Identifier]:
    """Returns the valid identifiers of a member of a chat, the preferred kind first.

    `network` is Beeper's name of the network, or the account id if the server does not send that name. An
    earlier participant id of the same person follows the present one: a link made by hand stays valid when
    the network moves the person to another id.
    """
    found: list[Identifier] = []
    for kind, rule in RULES.items():
        text = rule.of_member(member, network.casefold())
        normal = identifier(kind, text, region=region) if text else None
        if normal:
            found.append(normal)
        if kind is IdentifierKind.PARTICIPANT:
            found += [Identifier(kind, earlier_id) for earlier_id in member.earlier_ids]
    return found


def _participant_id(text: str, _region: str) -> str | None:
    return text if 0 < len(text.encode()) <= MOST_ID_BYTES else None


def _instagram(text: str, _region: str) -> str | None:
    """Returns the user name in lower case, also of a text with an @ or of the URL of a profile."""
    name = _INSTAGRAM_PAGE.sub("", text.strip(), count=1)
    name = re.split(r"[/?#]", name, maxsplit=1)[0].lstrip("@").casefold()
    return name if name and not re.search(r"\s", name) and len(name) <= _MOST_CHARS else None


def _whatsapp(text: str, region: str) -> str | None:
    """Returns a number in E.164. WhatsApp writes numbers with the country code but without the plus."""
    digits = text.strip()
    international = _e164(f"+{digits}", region) if digits[:1] in set("123456789") else None
    return international or _e164(text, region)


@lru_cache(maxsize=4096)
def _e164(text: str, region: str) -> str | None:
    """Returns the number in E.164 (`+` and digits), or None if no number of its country has this length."""
    import phonenumbers  # noqa: PLC0415 - 100 ms of a cold start, and most invocations never need it

    if len(text) > _MOST_CHARS:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _email(text: str, _region: str) -> str | None:
    """Returns the address in lower case. In practice, case does not matter even before the @."""
    address = text.strip().casefold()
    return address if _EMAIL.fullmatch(address) and len(address) <= _MOST_CHARS else None


def _imessage_handle(member: Participant) -> str:
    """Returns the number or address in an iMessage participant id, or "" if it is another id.

    The fields for numbers and addresses are often empty for members of iMessage chats.
    """
    member_id = member.participant_id
    return member_id.removeprefix(_IMESSAGE_PREFIX) if member_id.startswith(_IMESSAGE_PREFIX) else ""


def _is_on(network: str, member: Participant, network_of_chat: str) -> bool:
    """Returns True if the member is on this network.

    A union is on a network of its own. There, the participant ids of a bridge name the member's network.
    """
    return network in network_of_chat or member.participant_id.startswith(f"@{network}_")


def _phone_of(member: Participant) -> str | None:
    handle = _imessage_handle(member)
    return member.phone_number or (handle if "@" not in handle else None)


def _email_of(member: Participant) -> str | None:
    handle = _imessage_handle(member)
    return member.email or (handle if "@" in handle else None)


RULES: Mapping[IdentifierKind, IdentifierRule] = {
    IdentifierKind.PARTICIPANT: IdentifierRule(
        noun="participantId",
        hint="copy it from an answer of the API, for example @ada:beeper.local",
        normal_form=_participant_id,
        of_member=lambda member, _: member.participant_id,
        is_written=False,
    ),
    IdentifierKind.INSTAGRAM: IdentifierRule(
        noun="Instagram user name",
        hint="it has no spaces, for example ada.lovelace",
        normal_form=_instagram,
        of_member=lambda member, network: member.username if _is_on("instagram", member, network) else None,
    ),
    IdentifierKind.WHATSAPP: IdentifierRule(
        noun="WhatsApp number",
        hint=_EXAMPLE_NUMBER,
        normal_form=_whatsapp,
        of_member=lambda member, network: _phone_of(member) if _is_on("whatsapp", member, network) else None,
    ),
    IdentifierKind.PHONE: IdentifierRule(
        noun="phone number",
        hint=_EXAMPLE_NUMBER,
        normal_form=_e164,
        of_member=lambda member, _: _phone_of(member),
    ),
    IdentifierKind.EMAIL: IdentifierRule(
        noun="e-mail address",
        hint="write it in full, for example ada@example.com",
        normal_form=_email,
        of_member=lambda member, _: _email_of(member),
    ),
}
"""The rule of every kind, in the order in which they are compared to find a member's contact."""

WRITTEN_KINDS = tuple(kind for kind, rule in RULES.items() if rule.is_written)
"""The kinds in the field `identifiers` of a contact's JSON. The value of a kind is its name there."""
