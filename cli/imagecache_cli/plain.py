"""Makes text from other people safe to print, so that no character in it can control the terminal."""

_JOINER = "\u200d"  # holds the parts of one emoji together


def plain(text: str) -> str:
    """Returns the text as one line, without control characters, direction overrides or lone surrogates."""
    one_line = " ".join(text.split())
    return "".join(letter for letter in one_line if letter.isprintable() or letter == _JOINER)
