"""The kinds of identifiers by which a person is found, and the normal form of each kind.

A contact and a member of a chat are the same person if they have an identifier in common. RULES defines every
kind, and all code that depends on the kind uses RULES.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from imagecache.model.chat import MOST_ID_BYTES, Participant
from imagecache.model.contact import Identifier, IdentifierKind
from imagecache.rules.phone_numbers import phone_number, phone_number_hint, whatsapp_form

_INSTAGRAM_PAGE = re.compile(
    r"(?:https?://)?(?:[a-z0-9-]+\.)*(?:instagram\.com|instagr\.am|ig\.me)(?:/|$)", re.IGNORECASE
)
_INSTAGRAM_APP = re.compile(r"instagram://user\?(?:.*&)?username=", re.IGNORECASE)
_INSTAGRAM_NAME = re.compile(r"[a-z0-9._]+")
# The first part of a path on Instagram. Of some pages, the second part is the user name.
_BEFORE_NAME = {"_u", "_n", "m", "stories"}
_NO_PROFILE = {"p", "reel", "reels", "tv", "explore", "accounts", "direct", "share", "s", "highlights"}
# Signs that belong to the notation of an address, such as <ada@example.com>, are not part of an address.
_EMAIL = re.compile(r"[^@\s<>()\[\],;:\\\"]+@[^@\s<>()\[\],;:\\\"]+")
_MAILTO = re.compile(r"\s*mailto:", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"[^<>]*<([^<>]*)>\s*")
_IMESSAGE_PREFIX = "imsg##participant:"
# The longest valid e-mail address. An identifier is part of a key, for which DynamoDB allows 2,048 bytes.
_MOST_CHARS = 254
_EXAMPLE_NUMBER = "include the country code, for example +44 20 7946 0958"
_EXAMPLE_NAME = "it has no spaces, only letters, digits, dots and underscores, for example ada.lovelace"


@dataclass(frozen=True, slots=True)
class IdentifierRule:
    """A kind of identifier.

    `normal_form(text, region)` returns the normal form of a text, or None if the text is not valid. `region`
    is the country, such as GB, of phone numbers without a country code, or empty. `of_member(member,
    network)` returns the text of this kind that a member of a chat has, before it is normalised. `noun` and
    `hint` are parts of the message about an invalid text; `special_hint(text, region)` returns a better hint
    for some texts, or None. `is_written` is False for PARTICIPANT, which clients send in a separate field.
    """

    noun: str
    hint: str
    normal_form: Callable[[str, str], str | None]
    of_member: Callable[[Participant, str], str | None]
    special_hint: Callable[[str, str], str | None] = lambda _text, _region: None
    is_written: bool = True


def identifier(kind: IdentifierKind, text: str, *, region: str) -> Identifier | None:
    """Returns the identifier in its normal form, or None if the text is not valid."""
    value = RULES[kind].normal_form(text, region)
    return Identifier(kind, value) if value else None


def describe_invalid(kind: IdentifierKind, text: str, *, region: str) -> str:
    """Returns the message about a text that is not valid, with what to do about it."""
    rule = RULES[kind]
    return f"{text[:60]!r} is not a valid {rule.noun}: {rule.special_hint(text, region) or rule.hint}"


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


def _visible(text: str) -> str:
    """Returns the text without invisible marks, which are copied with a text, and without outer spaces."""
    return "".join(char for char in text if unicodedata.category(char) != "Cf").strip()


def _instagram(text: str, _region: str) -> str | None:
    """Returns the user name in lower case, also of a text with an @ or of the URL of a profile."""
    name = _instagram_path(text)[0].lstrip("@").casefold()
    return name if _INSTAGRAM_NAME.fullmatch(name) and len(name) <= _MOST_CHARS else None


def _instagram_path(text: str) -> tuple[str, bool]:
    """Returns the part of the text that is the user name, and whether the text is a URL without one."""
    text = _visible(text)
    if match := _INSTAGRAM_APP.match(text):
        return re.split(r"[&#]", text[match.end() :], maxsplit=1)[0], False
    if not (match := _INSTAGRAM_PAGE.match(text)):
        return text.rstrip("/"), False
    path = re.split(r"[?#]", text[match.end() :], maxsplit=1)[0]
    parts = [part for part in unquote(path).split("/") if part]
    if len(parts) > 1 and parts[0].lower() in _BEFORE_NAME:
        return ("", True) if parts[1].lower() == "highlights" else (parts[1], False)
    # `/ada/p/<post>` is a post, but its URL names the profile as well.
    if not parts or parts[0].lower() in _NO_PROFILE | _BEFORE_NAME:
        return "", True
    return parts[0], False


def _instagram_hint(text: str, _region: str) -> str | None:
    is_other_page = _instagram_path(text)[1]
    return (
        "this is the address of a post or page, not of a profile; give the user name"
        if is_other_page
        else None
    )


def _email(text: str, _region: str) -> str | None:
    """Returns the address in lower case. In practice, case does not matter even before the @.

    The address may be a `mailto:` link, or in angle brackets after a name.
    """
    address = _visible(text)
    if match := _MAILTO.match(address):
        address = unquote(address[match.end() :].partition("?")[0])
    if match := _IN_BRACKETS.fullmatch(address):
        address = _MAILTO.sub("", match[1], count=1)
    address = address.strip().casefold()
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


def _whatsapp_of(member: Participant, network: str) -> str | None:
    return _phone_of(member, network) if _is_on("whatsapp", member, network) else None


def _phone_of(member: Participant, network: str) -> str | None:
    """Returns the member's number. WhatsApp always writes the country code, but often without the plus."""
    handle = _imessage_handle(member)
    number = member.phone_number or (handle if "@" not in handle else None)
    return whatsapp_form(number) if number and _is_on("whatsapp", member, network) else number


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
        hint=_EXAMPLE_NAME,
        normal_form=_instagram,
        special_hint=_instagram_hint,
        of_member=lambda member, network: member.username if _is_on("instagram", member, network) else None,
    ),
    IdentifierKind.WHATSAPP: IdentifierRule(
        noun="WhatsApp number",
        hint=_EXAMPLE_NUMBER,
        normal_form=phone_number,
        special_hint=phone_number_hint,
        of_member=_whatsapp_of,
    ),
    IdentifierKind.PHONE: IdentifierRule(
        noun="phone number",
        hint=_EXAMPLE_NUMBER,
        normal_form=phone_number,
        special_hint=phone_number_hint,
        of_member=_phone_of,
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
