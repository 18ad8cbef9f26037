"""Decides which names are kept and shown. Networks lose names, and then send an identifier instead."""

import re
import unicodedata

from imagecache.model.chat import Chat, Participant
from imagecache.rules.image_choice import other_people, other_person

# How many members a title names: three, or two and the number of the others.
_MOST_NAMES = 3

# The server of a Matrix id has a dot, or is this machine. `@all:hands` is a name.
_MATRIX_ID = re.compile(r"[@!][^\s:]+:(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::\d+)?", re.IGNORECASE)
_ID_OF_BRIDGE = re.compile(r"imsg##participant:\S+|(?:whatsapp_)?lid-\d{5,}|\d{16,20}")
_SCHEME = re.compile(r"(?:tel|sms|mailto):", re.IGNORECASE)
_EMAIL_ADDRESS = re.compile(r"[^\s@:]+@[^\s@:]+\.([^\s@:]+)")
# The domains of nearly all addresses, beside those of countries, which have two letters.
_DOMAINS_OF_ADDRESSES = {"com", "net", "org", "edu", "gov", "info"}
# Without a plus, dots and slashes belong to dates rather than to numbers, and so do fewer than nine digits.
_PHONE_NUMBER = re.compile(
    r"(?:\+|00(?=[\s().\-/]*[1-9]))[\s().\-/]*(?:\d[\s().\-/]*){6,15}|[\s()\-]*(?:\d[\s()\-]*){9,15}"
)
# Dates such as `24 12 2026 18 00` and `2026-11-20 - 24`: a year, and other groups of at most two digits.
_DATES = re.compile(r"(?=.*\b(?:19|20)\d\d\b)[\s()\-]*(?:\b(?:\d{1,2}|(?:19|20)\d\d)\b[\s()\-]*)+")
# WhatsApp puts these around numbers, so that they are written from left to right.
_DIRECTION_MARKS = "\u200e\u202a\u202c\u202d\u2066\u2068\u2069"


def is_identifier(text: str) -> bool:
    """Returns True if the text is certainly an id, an e-mail address or a phone number instead of a name.

    `Ann @ Work`, `Ada@Acme.inc`, `Bob: the builder`, `@all:hands`, `Studio 54` and `24 12 2026 18 00` are
    names.
    """
    text = text.strip(_DIRECTION_MARKS)
    if is_matrix_id(text) or _ID_OF_BRIDGE.fullmatch(text):
        return True
    text = _SCHEME.sub("", text, count=1)
    if _is_address(text):
        return True
    return _PHONE_NUMBER.fullmatch(text) is not None and _DATES.fullmatch(text) is None


def _is_address(text: str) -> bool:
    """Returns True if the text is certainly an e-mail address.

    Networks send addresses in lower case. With capital letters it is one only in a domain of addresses.
    """
    match = _EMAIL_ADDRESS.fullmatch(text)
    if match is None:
        return False
    domain = match[1].lower()
    is_usual = domain in _DOMAINS_OF_ADDRESSES or re.fullmatch("[a-z]{2}", domain) is not None
    return is_usual or text == text.lower()


def is_matrix_id(text: str) -> bool:
    """Returns True if the text is the Matrix id of a person or room, such as `@ada:beeper.local`."""
    return _MATRIX_ID.fullmatch(text) is not None


def better_name(new: str | None, stored: str | None) -> str | None:
    """Returns the new name of a person or chat, but the stored one if the network has lost the name.

    A network has lost a name if it sends nothing or an identifier, and the stored name is a real one.
    """
    return stored if _is_name(stored) and not _is_name(new) else new


def title_to_store(listed: Chat, stored_title: str | None) -> str | None:
    """Returns the title to store for a chat of Beeper's list.

    It is None for a single chat that has an identifier, or nothing, in place of a title, if the other person
    has a name. `title_of` then shows the name of that person, also if it changes later. It is None, too, for
    a group without a title if a member has a name: somebody has removed the title.
    """
    if listed.type == "single" and not _is_name(listed.title):
        other = other_person(listed)
        if other and _is_name(other.full_name):
            return None
    if (
        listed.type == "group"
        and not listed.title
        and any(_is_name(person.full_name) for person in other_people(listed))
    ):
        return None
    return better_name(listed.title, stored_title)


def title_of(chat: Chat) -> str | None:
    """Returns the title that is shown for a chat, or None if neither the chat nor a member has a name.

    Without a title of its own, a single chat is named after the other person, and a group after its members:
    `Ada, Bob and 3 others`. The owner and bots are not among them. If the title of a single chat is only an
    identifier, such as a phone number, the name of the other person's contact is shown instead.
    """
    other = other_person(chat) if chat.type == "single" else None
    if other and other.contact_name and not _is_name(chat.title):
        return other.contact_name
    if chat.title:
        return chat.title
    if chat.type == "single":
        return name_of(other) if other else None
    return _title_of_members(chat)


def name_of(participant: Participant) -> str | None:
    """Returns the member's name, or else their contact's name, or else the user name, if any."""
    return participant.shown_name or participant.username


def is_part_of(wanted: str, text: str | None) -> bool:
    """Returns True if `text` contains `wanted`, whatever the case and the accents.

    `jose` is part of `José Díaz`.
    """
    return text is not None and _plain_letters(wanted) in _plain_letters(text)


def _plain_letters(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()


def first_name(name: str) -> str:
    """Returns the first word that has a letter or digit.

    Returns the whole text if it has no such word, or if it is an identifier.
    """
    if is_identifier(name):
        return name
    words = (word.rstrip(",") for word in name.split())
    return next((word for word in words if any(char.isalnum() for char in word)), name)


def _title_of_members(chat: Chat) -> str | None:
    people = other_people(chat)
    # Real names come first, because an identifier says less.
    names = sorted((name for name in map(name_of, people) if name), key=is_identifier)
    if not names:
        return None
    count = len(people) + _unlisted_people(chat)
    shown = names if len(names) == count <= _MOST_NAMES else names[: _MOST_NAMES - 1]
    others = count - len(shown)
    parts = [*shown, f"{others} other{'s' if others > 1 else ''}"] if others else shown
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


def _unlisted_people(chat: Chat) -> int:
    """Returns how many people besides the owner are in the chat, but not in `participants`."""
    unlisted = max(0, chat.participant_count - len(chat.participants))
    has_owner = any(member.is_self for member in chat.participants)
    return unlisted if has_owner or not unlisted else unlisted - 1


def _is_name(text: str | None) -> bool:
    return text is not None and text != "" and not is_identifier(text)
