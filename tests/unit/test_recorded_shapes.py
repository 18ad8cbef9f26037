"""Recorded answers of old and new servers are read to the last field that is stored."""

from dataclasses import replace

import pytest

from imagecache.errors import ListingError
from imagecache.model.chat import Folder
from imagecache.model.image import ImageRef
from imagecache.sources.beeper.chats import parse_chat, parse_page
from tests.recorded_answers import FOLDER, recorded


def test_an_old_server_names_no_network_and_five_of_nine_members() -> None:
    page = parse_page(recorded("list_of_an_old_server"))
    hikers, thread = page.chats
    assert (hikers.chat_id, hikers.network, hikers.type) == ("!hikers:beeper.local", None, "group")
    assert (hikers.last_activity, hikers.unread_count, hikers.is_muted) == (1_760_639_400_000, 4, True)
    assert hikers.last_message == "Bo: Boots on at nine"
    assert (len(hikers.participants), hikers.participant_count, hikers.roster_is_partial) == (5, 9, True)
    assert [one.image.key if one.image else None for one in hikers.participants] == [
        None,
        "local.beeper.com/alex_Qw3rTy01",
        "local.beeper.com/alex_Qw3rTy02",
        None,
        None,
    ]
    assert (thread.chat_id, thread.participants[1].phone_number) == ("imsg##thread:9d/0c", "+15550199")
    assert (page.next_cursor, page.unreadable) == ("1760515200000", [])


def test_a_new_server_gives_chats_pictures_merges_and_marked_bots() -> None:
    page = parse_page(recorded("list_of_a_new_server"))
    ada, old, note = page.chats
    assert ada.image == ImageRef("local.beeper.com/alex_Zx9chat"), "a path without a scheme"
    bot, person, me = ada.participants
    assert (bot.is_network_bot, person.is_network_bot, me.is_self) == (True, False, True)
    assert person.image == ImageRef("localhostlocal-instagram/70133907000")
    assert (ada.network, ada.is_pinned, ada.last_message) == ("Instagram", True, "On my way")
    assert (ada.folder, ada.last_activity) == (Folder.INBOX, 1_780_222_530_250)
    assert (old.merged_into, old.folder) == (ada.chat_id, None)
    assert old.participants[1].image == ImageRef("https://cdn.example.com/ada.jpg?size=640")
    assert (note.participant_count, note.roster_is_partial) == (1, False)
    assert page.next_cursor is None


def test_an_excerpt_of_a_large_group_has_every_kind_of_url_and_is_partial() -> None:
    chat = parse_chat(recorded("group_of_552_excerpt"))
    assert (len(chat.participants), chat.participant_count, chat.roster_is_partial) == (12, 552, True)
    assert [one.image.key for one in chat.participants if one.image] == [
        "local.beeper.com/alex_Mem01",
        "beeper.com/0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
        "matrix.org/SyntheticMediaIdAbCdEfGh",
        "maunium.net/AnotherSyntheticId",
        "local.beeper.com/alex_Mem05",
        "beeper.com/SyntheticMediaIdOfTwentyFo",
        "https://64.media.example.com/avatar_0001_128.pnj",
        "local.beeper.com/alex_Mem08",
    ]


def test_epochs_and_numbers_and_flags_as_texts_are_the_same_facts() -> None:
    page = parse_page(recorded("list_with_epochs_and_texts"))
    first, second = page.chats
    assert (first.chat_id, first.title, first.type) == ("4711", "2026", "group")
    assert (first.last_activity, second.last_activity) == (1_780_221_600_000, 1_780_218_000_000)
    assert (first.unread_count, second.unread_count) == (3, 2)
    assert (first.is_muted, first.is_archived, first.is_pinned) == (True, False, True)
    assert [(one.participant_id, one.is_self) for one in first.participants] == [
        ("17", False),
        ("@me", True),
    ]
    assert (first.roster_is_partial, second.roster_is_partial) == (False, False)
    assert page.next_cursor == "1780218000000"


def test_a_chat_with_nulls_and_unknown_types_is_read() -> None:
    page = parse_page(recorded("list_with_nulls_and_unknowns"))
    news, bare, holes = page.chats
    assert (news.type, news.title, news.last_activity, news.image) == ("group", None, 0, None)
    assert replace(news, chat_id=bare.chat_id, type="single") == bare, "null is the same as absent"
    assert [one.participant_id for one in holes.participants] == ["@eve"]
    assert (holes.last_activity, holes.unread_count, holes.participants[0].image) == (0, 0, None)
    assert page.next_cursor is None


def test_a_roster_that_is_absent_or_not_wholly_readable_is_partial() -> None:
    """A roster that was taken for whole would look as if all other members had left."""
    news, bare, holes = parse_page(recorded("list_with_nulls_and_unknowns")).chats
    assert [chat.roster_is_partial for chat in (news, bare, holes)] == [True, True, True]
    assert holes.participant_count == 3


def test_a_chat_without_a_usable_id_is_counted_and_named_if_it_has_one() -> None:
    assert parse_page(recorded("list_with_nulls_and_unknowns")).unreadable == ["", "", "!" + "x" * 1100]


def test_a_picture_that_beeper_has_downloaded_keeps_its_key() -> None:
    before = parse_chat(recorded("chat_before_beeper_has_the_picture"))
    after = parse_chat(recorded("chat_after_beeper_has_the_picture"))
    assert before.participants[1].source_url != after.participants[1].source_url
    assert before.participants[1].image == after.participants[1].image
    assert before.participants[1].image == ImageRef("local.beeper.com/alex_CaseMatters01")


@pytest.mark.parametrize(
    "answer",
    [
        recorded("error_of_v0"),
        recorded("error_of_v1"),
        {},
        {"items": None},
        {"items": {}},
        {"items": [], "hasMore": True},
        {"items": [], "hasMore": True, "oldestCursor": ""},
    ],
    ids=str,
)
def test_an_answer_that_is_not_a_list_is_an_error_and_not_an_empty_list(answer: dict[str, object]) -> None:
    with pytest.raises(ListingError):
        parse_page(answer)


def test_of_several_entries_for_one_chat_the_first_one_counts() -> None:
    page = parse_page({"items": [{"id": "!a", "title": "new"}, {"id": "!b"}, {"id": "!a", "title": "old"}]})
    assert [(chat.chat_id, chat.title) for chat in page.chats] == [("!a", "new"), ("!b", None)]


def test_a_server_that_does_not_say_whether_there_is_more_has_more_until_a_page_is_empty() -> None:
    page = recorded("list_of_an_old_server")
    del page["hasMore"]
    assert parse_page(page).next_cursor == "1760515200000"
    assert parse_page(page | {"items": []}).next_cursor is None
    assert parse_page(page | {"hasMore": False}).next_cursor is None


def test_a_cursor_is_kept_exactly_as_the_server_spells_it() -> None:
    assert parse_page({"items": [], "hasMore": True, "oldestCursor": " a= "}).next_cursor == " a= "


def test_no_recorded_answer_names_a_picture_that_is_refused() -> None:
    """The fixtures must stay free of such pictures, or other tests would prove less than they seem to."""
    assert len(list(FOLDER.glob("*.json"))) >= 10
    for path in FOLDER.glob("list_*.json"):
        for chat in parse_page(recorded(path.stem)).chats:
            assert [one for one in chat.participants if one.image and one.image.rejected] == []
