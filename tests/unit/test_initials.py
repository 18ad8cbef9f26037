"""Initials are whole letters of the name in every script, and never signs, emoji or invisible marks."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.rules.initials import initials

VECTORS = json.loads((Path(__file__).parents[1] / "fixtures" / "initials.json").read_text())["initials"]
GLUED = [
    "~",
    "\u200e",
    "\u200b",
    "\ufeff",
    "🌷",
    "👍🏽",
    "❤️",
    "(",
    "[",
    "«",
    "*",
    "•",
    "\u2068",
    "\u00ad",
    "1️⃣",
]


@pytest.mark.parametrize(("name", "expected"), VECTORS, ids=range(len(VECTORS)))
def test_initials_are_the_letters_of_the_example(name: str, expected: str) -> None:
    assert initials(name) == expected


def test_nobody_has_no_initials() -> None:
    assert initials(None) == ""


@given(
    st.lists(st.sampled_from(GLUED), max_size=3).map("".join),
    st.sampled_from(["Ada", "Émile", "한국", "李小龙", "ßeta", "क्षमा"]),
    st.lists(st.sampled_from(GLUED), max_size=3).map("".join),
)
def test_what_is_glued_to_a_name_does_not_change_its_initial(before: str, name: str, after: str) -> None:
    assert initials(before + name + after) == initials(name)
    assert initials(unicodedata.normalize("NFD", before + name)) == initials(name)


@given(st.text(max_size=20))
def test_every_initial_is_a_letter_with_its_marks(name: str) -> None:
    for letter in initials(name):
        assert unicodedata.category(letter)[0] in "LM" or letter in "\u200c\u200d"
