"""The values, cursors and names of the API."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.api import cursor
from imagecache.api.fields import Choice, Flag, Text, Texts, Whole, read_all
from imagecache.api.values import initials, iso8601
from imagecache.errors import InvalidRequestError
from imagecache.usecases.reading.list_chats import ChatFilter

LIMIT = Whole("limit", 1, 100, default=50)


@pytest.mark.parametrize(
    "value", ["0", "101", "-1", "1.5", "", "ten", "\uff19", "1" * 5000, 0, 1.0, True, None]
)
def test_a_number_out_of_bounds_is_a_bad_request(value: Any) -> None:
    with pytest.raises(InvalidRequestError, match="limit must be a whole number from 1 to 100"):
        LIMIT.read(value)


def test_an_absent_value_is_the_default() -> None:
    assert read_all([LIMIT, Flag("force"), Text("accountId", 9)], {}) == {
        "limit": 50,
        "force": False,
        "account_id": None,
    }


def test_an_absent_value_that_is_required_is_named() -> None:
    with pytest.raises(InvalidRequestError, match="chatId is missing"):
        read_all([Text("chatId", 9, required=True)], {"chat_id": "x"})


def test_an_unknown_word_is_a_bad_request_that_names_the_known_ones() -> None:
    with pytest.raises(
        InvalidRequestError, match="inbox, unread, groups, pinned, low-priority, archived, all"
    ):
        Choice("filter", ChatFilter).read("spam")


@pytest.mark.parametrize("value", [["a", 1], "a", ["a"] * 4, [""], ["x" * 10], ["\ud800"], None])
def test_a_list_of_other_things_is_a_bad_request(value: Any) -> None:
    with pytest.raises(InvalidRequestError, match="sourceUrls"):
        Texts("sourceUrls", 3, 9).read(value)


def test_the_argument_of_a_field_is_its_name_in_snake_case() -> None:
    assert [Flag(name).argument for name in ("limit", "accountId", "activeWithinDays")] == [
        "limit",
        "account_id",
        "active_within_days",
    ]


def whatever(position: Any) -> Any:
    """Accepts every position."""
    return position


positions = st.recursive(
    st.integers() | st.text(st.characters(exclude_categories=["Cs"])), st.lists, max_leaves=5
)


@given(positions)
def test_a_cursor_comes_back_as_the_position_it_was_made_of(position: Any) -> None:
    text = cursor.write("chats", position)
    assert cursor.read("chats", text, parse=whatever) == position


def test_the_end_of_a_listing_has_no_cursor() -> None:
    assert cursor.write("chats", None) is None


@given(st.text())
def test_a_made_up_cursor_is_a_bad_request(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        cursor.read("chats", text, parse=whatever)


@given(position=st.integers(0, 40), replacement=st.sampled_from("abcXYZ019-_"))
def test_a_cursor_with_one_letter_changed_is_a_bad_request(position: int, replacement: str) -> None:
    text = cursor.write("chats", ["inbox", 1_800_000_000_000, "!abc:beeper.local"])
    assert text is not None
    damaged = text[:position] + replacement + text[position + 1 :]
    if damaged != text:
        with pytest.raises(InvalidRequestError):
            cursor.read("chats", damaged, parse=whatever)


def test_a_cursor_of_another_listing_is_a_bad_request() -> None:
    with pytest.raises(InvalidRequestError, match="another listing"):
        cursor.read("chats inbox", cursor.write("chats archive", ["x"]), parse=whatever)


def test_a_position_that_its_listing_does_not_have_is_a_bad_request() -> None:
    with pytest.raises(InvalidRequestError, match="damaged"):
        cursor.read("chats", cursor.write("chats", ["x"]), parse=lambda _: None)


@pytest.mark.parametrize(
    ("value", "is_key"),
    [
        ("a", True),
        ("é" * 4, True),
        ("é" * 5, False),
        ("", False),
        ("\ud800", False),
        (1, False),
        (None, False),
    ],
)
def test_a_key_is_a_text_of_one_byte_up_to_its_limit(value: Any, is_key: bool) -> None:
    assert cursor.is_key(value, max_bytes=8) is is_key


@pytest.mark.parametrize(
    ("value", "is_moment"),
    [(0, True), (2**53, True), (2**53 + 1, False), (-1, False), (True, False), (1.0, False), ("1", False)],
)
def test_a_moment_is_a_whole_number_of_milliseconds(value: Any, is_moment: bool) -> None:
    assert cursor.is_moment(value) is is_moment


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ada Lovelace", "AL"),
        ("ada", "A"),
        ("Juan de la Cruz", "JC"),
        ("+49 170 1234567", ""),
        ("Zoë 🌷", "Z"),
        (None, ""),
        ("", ""),
    ],
)
def test_initials_are_letters_of_the_first_and_the_last_word(name: str | None, letters: str) -> None:
    assert initials(name) == letters


def test_a_moment_outside_of_the_calendar_is_null() -> None:
    assert iso8601(0) is None
    assert iso8601(2**53) is None
    assert iso8601(1_772_366_400_999) == "2026-03-01T12:00:00Z"
