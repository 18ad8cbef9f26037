"""Chooses between two names of a person. Networks lose names, and then send an id or a number instead."""

import re

_ADDRESS = re.compile(r"[@:]")
_PHONE_NUMBER = re.compile(r"(?=(?:\D*\d){6})[+\d\s().\-/]+")


def is_raw(name: str) -> bool:
    """Returns True if the text is an id, an address or a phone number instead of a name."""
    return bool(_ADDRESS.search(name)) or _PHONE_NUMBER.fullmatch(name) is not None


def better_name(new: str | None, stored: str | None) -> str | None:
    """Returns the new name, but if it is missing or raw and the stored name is not, the stored name."""
    if (new is None or is_raw(new)) and stored is not None and not is_raw(stored):
        return stored
    return new
