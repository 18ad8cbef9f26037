"""Text that other people wrote → text that a terminal only shows."""

_JOINER = "\u200d"  # holds the parts of one emoji together


def plain(text: str) -> str:
    """One line without control characters, direction overrides or halves of surrogate pairs."""
    spaced = " ".join(text.split())
    return "".join(letter for letter in spaced if letter.isprintable() or letter == _JOINER)
