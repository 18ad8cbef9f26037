"""A chat's roster is fetched, and the chat is stored again, only if it may have changed."""

import hashlib
import json
from dataclasses import asdict, replace

import pytest

from imagecache.model.chat import Chat
from imagecache.sources.beeper.chats import parse_chat
from imagecache.stores.chats.chats import StoredChat
from imagecache.usecases.sync.changed_chats import (
    Fetched,
    Listed,
    ListedChat,
    Roster,
    Unavailable,
    list_fingerprint,
    listed_chat,
    roster_fingerprint,
)
from tests.recorded_answers import recorded

PART: Chat = parse_chat(recorded("group_of_552_excerpt"))
FULL = replace(PART, participants=PART.participants * 2, roster_is_partial=False)


def listed(
    *, known_roster: Chat | None = FULL, unavailable_since: int = 0, missing_since: int = 0
) -> ListedChat:
    """The partly listed chat, stored as it is listed."""
    fingerprint = listed_chat(PART, None).fingerprint
    stored = StoredChat(
        list_fingerprint=fingerprint,
        roster_fingerprint=roster_fingerprint(known_roster or PART),
        roster_unavailable_since=unavailable_since,
        preview_json="[]",
        title=None,
        missing_since=missing_since,
    )
    return listed_chat(PART, stored)


MOVED = replace(listed(), chat=replace(PART, last_message="moved"), fingerprint="another")
NEW = listed_chat(PART, None)


@pytest.mark.parametrize(
    ("chat", "incremental", "complete"),
    [
        pytest.param(NEW, True, True, id="new"),
        pytest.param(MOVED, True, True, id="moved"),
        pytest.param(listed(), False, True, id="stored as listed"),
        pytest.param(listed(unavailable_since=1), True, True, id="stored without its roster"),
        pytest.param(listed(missing_since=1), True, True, id="was missing"),
        pytest.param(listed_chat(FULL, None), False, False, id="new, and listed whole"),
    ],
)
def test_a_roster_is_fetched_only_if_it_is_listed_in_part_and_may_have_changed(
    chat: ListedChat, incremental: bool, complete: bool
) -> None:
    assert chat.needs_full_roster(complete=False) is incremental
    assert chat.needs_full_roster(complete=True) is complete


@pytest.mark.parametrize(
    ("chat", "roster", "changed"),
    [
        pytest.param(listed(), Listed(PART), False, id="as listed"),
        pytest.param(listed(missing_since=1), Listed(PART), True, id="as listed, but it was missing"),
        pytest.param(NEW, Listed(PART), True, id="new"),
        pytest.param(listed(), Fetched(FULL), False, id="the roster that is stored"),
        pytest.param(listed(), Fetched(replace(FULL, participants=())), True, id="another roster"),
        pytest.param(listed(unavailable_since=1), Fetched(FULL), True, id="available again"),
        pytest.param(listed(), Unavailable(PART), True, id="unavailable for the first time"),
        pytest.param(listed(unavailable_since=1), Unavailable(PART), False, id="still unavailable"),
        pytest.param(MOVED, Unavailable(MOVED.chat), True, id="moved and unavailable"),
    ],
)
def test_a_chat_is_stored_again_if_it_differs_from_what_is_stored(
    chat: ListedChat, roster: Roster, changed: bool
) -> None:
    assert chat.has_changed(roster) is changed


def test_a_fingerprint_is_that_of_earlier_versions_so_that_an_update_stores_no_chat_again() -> None:
    def hash_of_json(value: object) -> str:
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

    assert list_fingerprint(FULL) == hash_of_json(asdict(FULL))
    members = [asdict(member) for member in FULL.participants]
    assert FULL.source_url is None, "the chat's own picture would be another row"
    assert roster_fingerprint(FULL) == hash_of_json([False, *members])
