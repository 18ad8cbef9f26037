"""Chats are read whatever type their fields have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.errors import UnreadableChatError
from imagecache.model.image import ImageRef, RejectionReason
from imagecache.sources.beeper.chats import parse_chat
from tests.recorded_answers import recorded

COMPLETE = recorded("list_of_a_new_server")["items"][0]


def test_a_chat_needs_nothing_but_an_id() -> None:
    chat = parse_chat({"id": "x"})
    assert (chat.title, chat.last_activity, chat.participants, chat.image) == (None, 0, (), None)


@pytest.mark.parametrize("item", [None, "chat", 7, [], {}, {"id": ""}, {"id": None}, {"id": "x" * 1025}])
def test_an_item_without_a_usable_id_is_unreadable(item: object) -> None:
    with pytest.raises(UnreadableChatError):
        parse_chat(item)


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("2026-03-01T12:00:00Z", 1_772_366_400_000),
        ("2026-03-01T13:00:00+01:00", 1_772_366_400_000),
        ("2026-03-01T12:00:00", 1_772_366_400_000),
        (1_772_366_400_000, 1_772_366_400_000),
        ("1772366400000", 1_772_366_400_000),
        (1_772_366_400_000.0, 1_772_366_400_000),
        (None, 0),
        ("yesterday", 0),
        (-5, 0),
        (True, 1),
        (float("inf"), 0),
        (10**400, 2**53),
        ({}, 0),
    ],
)
def test_a_date_is_iso_8601_or_a_number_of_milliseconds(value: object, milliseconds: int) -> None:
    assert parse_chat({"id": "x", "lastActivity": value}).last_activity == milliseconds


def test_numbers_and_flags_may_be_texts() -> None:
    chat = parse_chat({"id": 42, "unreadCount": "3", "isMuted": "true", "isPinned": 1, "isArchived": "no"})
    assert (chat.chat_id, chat.unread_count) == ("42", 3)
    assert (chat.is_muted, chat.is_pinned, chat.is_archived) == (True, True, False)


def test_a_picture_that_is_never_fetched_keeps_its_url_and_says_why() -> None:
    chat = parse_chat({"id": "x", "imgURL": "ftp://example.com/a"})
    assert chat.source_url == "ftp://example.com/a"
    assert chat.image == ImageRef(None, RejectionReason.UNSUPPORTED_SCHEME)


def test_a_member_without_an_id_does_not_hide_the_others() -> None:
    chat = parse_chat({"id": "x", "participants": {"items": [{"fullName": "?"}, None, {"id": "@ada"}]}})
    assert [one.participant_id for one in chat.participants] == ["@ada"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(COMPLETE)), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(sorted(COMPLETE)), JSON))
def test_no_shape_of_json_raises_anything_but_unreadable(fields: dict[str, object]) -> None:
    chat = parse_chat(fields | {"id": "x"})
    assert chat.chat_id == "x"
    assert chat.last_activity >= 0
