"""What the API makes of parameters, cursors and names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.api import cursor
from imagecache.api.answers import initials, iso8601
from imagecache.api.parameters import folder, whole_number
from imagecache.errors import BadRequestError
from imagecache.model import Folder
from imagecache.stores.chats import Position


@pytest.mark.parametrize("text", ["0", "101", "-1", "1.5", "", "ten", "\uff19", "1" * 5000])
def test_a_number_out_of_bounds_is_a_bad_request(text: str) -> None:
    with pytest.raises(BadRequestError, match="limit must be a whole number from 1 to 100"):
        whole_number({"limit": text}, "limit", least=1, most=100, default=50)


def test_an_absent_number_is_the_default() -> None:
    assert whole_number({}, "limit", least=1, most=100, default=50) == 50


def test_an_unknown_filter_is_a_bad_request() -> None:
    with pytest.raises(BadRequestError, match="inbox, archived"):
        folder({"filter": "spam"})


@given(st.text(min_size=1).filter(lambda text: text.isprintable()), st.integers(0, 2**53))
def test_a_cursor_comes_back_as_the_position_it_was_made_of(chat_id: str, last_activity: int) -> None:
    position = Position(chat_id, last_activity)
    text = cursor.write(position, Folder.INBOX)
    assert text is not None
    assert cursor.read({"cursor": text}, Folder.INBOX) == position


def test_the_end_of_a_listing_has_no_cursor() -> None:
    assert cursor.write(None, Folder.INBOX) is None


@given(st.text())
def test_a_damaged_cursor_is_a_bad_request(text: str) -> None:
    with pytest.raises(BadRequestError):
        cursor.read({"cursor": text}, Folder.INBOX)


def test_a_cursor_of_another_listing_is_a_bad_request() -> None:
    text = cursor.write(Position("x", 1), Folder.ARCHIVE)
    assert text is not None
    with pytest.raises(BadRequestError):
        cursor.read({"cursor": text}, Folder.INBOX)


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


def test_a_moment_that_nobody_knows_is_null() -> None:
    assert iso8601(0) is None
    assert iso8601(1_772_366_400_999) == "2026-03-01T12:00:00Z"
