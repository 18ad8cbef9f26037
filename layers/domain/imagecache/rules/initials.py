"""Makes the initials that are shown in place of a picture.

web/avatar.js has the same rule for pages that know a name only. tests/fixtures/initials.json has examples for
both.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

# Between two of these letters, which would otherwise be joined as in a word.
_NON_JOINER = "\u200c"
_CURSIVE = re.compile(
    "[\u0600-\u077f\u07c0-\u07ff\u0840-\u08ff\u1800-\u18af\ufb50-\ufdff\ufe70-\ufefe\U0001e900-\U0001e95f]"
)
_OPENING = "([{<\uff08\uff3b\u3010\u300c\u300e"
_CLOSING = ")]}>\uff09\uff3d\u3011\u300d\u300f"
# Letters that are not seen, which people use as an empty name, and signs that change the emoji before them.
_INVISIBLE = re.compile("[\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")
_KEYCAP = re.compile("[0-9#*]\u20e3")
# Georgian has capital letters, but no name is written with them.
_GEORGIAN = re.compile("[\u10d0-\u10ff]")
# Marks that Unicode does not attach to the letter before them.
_SEPARATE_MARKS = re.compile(
    "[\u102b\u102c\u1038\u1062-\u1064\u1067-\u106d\u1083\u1087-\u108c\u108f\u109a-\u109c\u1a61\u1a63\u1a64"
    "\uaa7b\uaa7d\U00011720\U00011721]"
)
# Two vowels that are attached like a mark, and the voice marks of half-width Katakana.
_ATTACHED_LETTERS = "\u0e33\u0eb3\uff9e\uff9f"
_JOINERS = "\u200c\u200d"
# Old Korean syllables have no letter of their own, and stay sequences of leading, middle and final parts.
_HANGUL = re.compile("[\u1100-\u115f\ua960-\ua97c]+[\uac00-\ud7a3]?[\u1160-\u11ff\ud7b0-\ud7fb]*")
_HANGUL_SYLLABLE = re.compile("[\uac00-\ud7a3][\u1160-\u11ff\ud7b0-\ud7fb]*")


def initials(name: str | None) -> str:
    """Returns the first letters of the first and of the last word, or an empty text without any.

    A letter is a whole grapheme cluster. Signs before it are skipped, and so is a word that begins with a
    digit. Words in brackets count only if fewer than two other words do.
    """
    words = list(_words(_cleaned(name or "")))
    outside = [word for word, is_in_brackets in words if not is_in_brackets]
    chosen = outside if len(outside) > 1 else [word for word, _ in words]
    letters = [_capital(_cluster(word)) for word in (chosen[:1] + chosen[1:][-1:])]
    are_joined = len(letters) > 1 and _CURSIVE.match(letters[0]) and _CURSIVE.match(letters[1])
    return (_NON_JOINER if are_joined else "").join(letters)


def _cleaned(name: str) -> str:
    """Returns the name in composed letters, without marks that are not seen."""
    composed = unicodedata.normalize("NFC", name)
    visible = "".join(char for char in composed if char in _JOINERS or unicodedata.category(char) != "Cf")
    return _KEYCAP.sub("", _INVISIBLE.sub("", visible))


def _words(name: str) -> Iterator[tuple[str, bool]]:
    """Yields each word from its first letter on, and whether that is in brackets."""
    depth = 0
    is_letter_wanted = True
    start = 0
    for index, char in enumerate(name):
        category = unicodedata.category(char)
        if category[0] == "Z" or category == "Cc":
            is_letter_wanted = True
        elif char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            depth = max(0, depth - 1)
        elif is_letter_wanted and category in {"Lu", "Ll", "Lt", "Lo"}:
            start = index
            is_letter_wanted = False
            yield name[start:], depth > 0
        elif category[0] == "N":
            is_letter_wanted = False


def _cluster(text: str) -> str:
    """Returns the first grapheme cluster of a text (Unicode Standard Annex #29).

    The text must begin with a letter.
    """
    if text[:2].isascii():
        return text[:1]
    end = 1
    if match := _HANGUL.match(text) or _HANGUL_SYLLABLE.match(text):
        end = match.end()
    while match := _linked().match(text, end - 1):
        end = match.end() + 1
    while end < len(text) and _is_attached(text[end]):
        end += 1
    return text[:end].rstrip(_JOINERS)


@cache
def _linked() -> re.Pattern[str]:
    """Returns the pattern of a letter that forms one shape with the next one.

    It is compiled when a name first needs it, because that would take long in every cold start.
    """
    # In these scripts, a consonant with this sign forms one shape with the next consonant.
    return re.compile(
        "|".join(
            f"[{consonants}][{marks}\u200d]*{linker}[{marks}{linker}\u200d]*(?=[{consonants}])"
            for consonants, marks, linker in (
                ("\u0915-\u0939\u0958-\u095f\u0978-\u097f", "\u093c\u0951-\u0954", "\u094d"),
                ("\u0995-\u09b9\u09dc-\u09df\u09f0\u09f1", "\u09bc\u09fe", "\u09cd"),
                ("\u0a95-\u0ab9\u0af9", "\u0abc\u0afd-\u0aff", "\u0acd"),
                ("\u0b15-\u0b39\u0b5c-\u0b5f\u0b71", "\u0b3c", "\u0b4d"),
                ("\u0c15-\u0c39\u0c58-\u0c5a", "\u0c3c\u0c55\u0c56", "\u0c4d"),
                ("\u0d15-\u0d3a", "\u0d3b\u0d3c", "\u0d4d"),
                ("\u1000-\u102a\u103f\u1050-\u1055", "\u1037", "\u1039"),
                ("\u1780-\u17b3", "\u17dd", "\u17d2"),
            )
        )
    )


def _is_attached(char: str) -> bool:
    if char in _JOINERS or char in _ATTACHED_LETTERS:
        return True
    return unicodedata.category(char)[0] == "M" and not _SEPARATE_MARKS.match(char)


def _capital(cluster: str) -> str:
    """Returns the cluster with a capital letter, unless that would be several letters, as SS for ß."""
    letter = cluster[:1]
    capital = letter if _GEORGIAN.match(letter) else letter.upper()
    return (capital if len(capital) == 1 else letter) + cluster[1:]
