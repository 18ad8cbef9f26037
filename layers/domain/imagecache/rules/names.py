"""Which of two names to show: networks lose names, and then give an id or a phone number instead."""

import re

_ADDRESS = re.compile(r"[@:]")
_PHONE_NUMBER = re.compile(r"(?=(?:\D*\d){6})[+\d\s().\-/]+")


def is_raw(name: str) -> bool:
    """Whether this is an id or a number and nobody's name."""
    return bool(_ADDRESS.search(name)) or _PHONE_NUMBER.fullmatch(name) is not None


def better_name(new: str | None, known: str | None) -> str | None:
    """The new name, unless it is none or raw while the known one is good."""
    if (new is None or is_raw(new)) and known is not None and not is_raw(known):
        return known
    return new
