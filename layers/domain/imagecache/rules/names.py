"""Chooses between two names of a person. Networks lose names, and then send an id or a number instead."""

import re

_ADDRESS = re.compile(r"[@:]")
_PHONE_NUMBER = re.compile(r"(?=(?:\D*\d){6})[+\d\s().\-/]+")


def is_raw(name: str) -> bool:
    """Tells whether this is an id or a phone number instead of a name."""
    return bool(_ADDRESS.search(name)) or _PHONE_NUMBER.fullmatch(name) is not None


def better_name(new: str | None, stored: str | None) -> str | None:
    """Returns the new name, but the stored one if that is a name and the new one is missing or raw."""
    if (new is None or is_raw(new)) and stored is not None and not is_raw(stored):
        return stored
    return new
