"""Chats are read whatever type their fields have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.errors import UnreadableChatError
from imagecache.model.chat import Folder
from imagecache.model.image import ImageRef, RejectionReason
from imagecache.sources.beeper.chats import parse_chat, parse_page
from tests.recorded_answers import recorded

COMPLETE = recorded("list_of_a_new_server")["items"][0]


def test_a_chat_needs_nothing_but_an_id() -> None:
    chat = parse_chat({"id": "x"})
    assert (chat.title, chat.last_activity, chat.participants, chat.image) == (None, 0, (), None)


@pytest.mark.parametrize(
    "item", [None, "chat", 7, [], {}, {"id": ""}, {"id": None}, {"id": "x" * 1025}, {"id": "person#x"}]
)
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


def members(count: int, *, with_oneself: bool = False) -> list[dict[str, object]]:
    """Returns members who are not oneself, and oneself as one more."""
    others: list[dict[str, object]] = [{"id": f"@{number}"} for number in range(count)]
    return [*others, {"id": "@me", "isSelf": True}] if with_oneself else others


@pytest.mark.parametrize(
    "roster",
    [
        pytest.param({"items": members(1), "hasMore": False, "total": 2}, id="without oneself"),
        pytest.param({"items": members(1), "hasMore": False, "total": 1}, id="oneself is not counted"),
        pytest.param({"items": members(1, with_oneself=True), "hasMore": False, "total": 2}, id="everybody"),
        pytest.param({"items": members(1), "hasMore": "false", "total": "2"}, id="as texts"),
        pytest.param({"items": members(20), "hasMore": 0, "total": 21}, id="twenty without oneself"),
        pytest.param({"items": members(3), "hasMore": False, "total": 1}, id="more than the total"),
        pytest.param({"items": members(3), "hasMore": False}, id="without a total"),
        pytest.param({"items": members(20), "total": 20}, id="as many as the total"),
    ],
)
def test_field_participants_total_counts_oneself_so_a_roster_without_oneself_is_whole(
    roster: dict[str, object],
) -> None:
    assert not parse_chat({"id": "x", "participants": roster}).roster_is_partial


@pytest.mark.parametrize(
    "roster",
    [
        pytest.param({"items": members(20), "total": 21}, id="nobody says that there are no more"),
        pytest.param({"items": members(20)}, id="nobody says how many there are"),
        pytest.param({"items": members(20), "hasMore": None, "total": None}, id="nulls"),
        pytest.param({"items": members(20), "hasMore": {}, "total": 21}, id="neither yes nor no"),
        pytest.param({"items": members(3), "total": 1}, id="more than the total, and perhaps even more"),
        pytest.param({"items": members(1), "hasMore": True, "total": 2}, id="there are more"),
        pytest.param({"items": members(1), "hasMore": False, "total": 3}, id="two are missing"),
        pytest.param(
            {"items": members(1, with_oneself=True), "hasMore": False, "total": 3}, id="another is missing"
        ),
        pytest.param({"items": [*members(1), {}], "hasMore": False, "total": 2}, id="one cannot be read"),
        pytest.param({"items": [{}], "hasMore": False, "total": 1}, id="the only one cannot be read"),
        pytest.param({"items": [], "hasMore": False, "total": 1}, id="nobody is listed"),
        pytest.param({"hasMore": False, "total": 0}, id="no list"),
    ],
)
def test_a_roster_that_may_lack_somebody_else_is_partial(roster: dict[str, object]) -> None:
    assert parse_chat({"id": "x", "participants": roster}).roster_is_partial


def test_field_merge_names_the_members_of_a_union() -> None:
    merge = {"chatIDs": ["!b", "!a", "!b", "x", 7, None, {}, "", "!" * 1025], "defaultChatID": "!b"}
    assert parse_chat({"id": "x", "merge": merge}).merged_chat_ids == ("!a", "!b", "7")


def test_a_member_who_is_listed_twice_counts_once() -> None:
    ada = {"id": "@ada", "fullName": "Ada"}
    items = [ada, {"id": "@bob"}, {"id": "@ada", "fullName": "Ada again"}]
    for total, is_partial in ((3, False), (4, True)):  # one of three may be oneself
        roster = {"items": items, "hasMore": False, "total": total}
        chat = parse_chat({"id": "x", "participants": roster})
        assert [(one.participant_id, one.full_name) for one in chat.participants] == [
            ("@ada", "Ada"),
            ("@bob", None),
        ]
        assert (chat.participant_count, chat.roster_is_partial) == (total, is_partial)


@pytest.mark.parametrize("merge", [None, [], "!a", {}, {"chatIDs": None}, {"chatIDs": "!a"}, {"chatIDs": {}}])
def test_a_merge_that_names_no_chat_makes_no_union(merge: object) -> None:
    assert parse_chat({"id": "x", "merge": merge}).merged_chat_ids == ()


def test_a_member_that_names_the_other_members_is_not_a_union_itself() -> None:
    member = parse_chat({"id": "!a", "mergedIntoChatID": "!union", "merge": {"chatIDs": ["!a", "!b"]}})
    assert (member.merged_into, member.merged_chat_ids) == ("!union", ())


def test_a_union_of_a_thousand_chats_still_fits_into_a_row() -> None:
    chat_ids = ["!" + str(number).rjust(1020, "x") for number in range(1000)]
    merged = parse_chat({"id": "x", "merge": {"chatIDs": chat_ids}}).merged_chat_ids
    assert sum(len(chat_id) for chat_id in merged) < 110_000


@pytest.mark.parametrize(
    ("flags", "folder"),
    [
        ({}, Folder.INBOX),
        ({"isLowPriority": True}, Folder.LOW_PRIORITY),
        ({"isLowPriority": "true"}, Folder.LOW_PRIORITY),
        ({"isLowPriority": None}, Folder.INBOX),
        ({"isLowPriority": True, "isArchived": True}, Folder.ARCHIVE),
        ({"isLowPriority": True, "mergedIntoChatID": "!union"}, None),
        ({"isLowPriority": True, "mergedIntoChatID": "x"}, Folder.LOW_PRIORITY),
    ],
)
def test_field_is_low_priority_takes_a_chat_out_of_the_inbox(
    flags: dict[str, object], folder: Folder | None
) -> None:
    assert parse_chat({"id": "x", **flags}).folder is folder


def test_field_is_marked_unread_is_read_beside_the_number_of_unread_messages() -> None:
    chat = parse_chat({"id": "x", "isMarkedUnread": True, "unreadCount": 0})
    assert (chat.is_marked_unread, chat.unread_count) == (True, 0)
    assert not parse_chat({"id": "x", "isMarkedUnread": "no"}).is_marked_unread


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


def test_every_chat_of_a_large_union_is_merged() -> None:
    chat_ids = [f"!{number:04}:beeper.local" for number in range(500)]
    assert list(parse_chat({"id": "x", "merge": {"chatIDs": chat_ids}}).merged_chat_ids) == chat_ids


@pytest.mark.parametrize(
    ("sent", "chat_type"),
    [("single", "single"), ("Single", "single"), (None, "single"), ("group", "group"), ("channel", "group")],
)
def test_a_chat_of_an_unknown_type_is_a_group(sent: str | None, chat_type: str) -> None:
    assert parse_chat({"id": "x", "type": sent}).type == chat_type


@pytest.mark.parametrize("more", ["yes", 2, 1.5, [1], {"a": 1}, True, "True", None])
def test_a_list_goes_on_unless_the_server_says_that_it_ends(more: object) -> None:
    answer = {"items": [{"id": "x"}], "oldestCursor": "c", "hasMore": more}
    assert parse_page(answer).next_cursor == "c"
    assert parse_page({**answer, "hasMore": False}).next_cursor is None
