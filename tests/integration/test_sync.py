"""Chats are stored as Beeper lists them, change with it, and cost nothing while they do not change."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
import requests

from demo.chats import Person
from demo.service import DemoAccount
from imagecache.clock import DAY, HOUR
from imagecache.model.chat import Folder
from imagecache.stores.chats.chats import ChatToStore
from imagecache.stores.chats.participants import CHAT_ROW
from imagecache.stores.state.beeper_health import BeeperState
from tests.integration.conftest import Stack
from tests.integration.demo_chats import ME, chat_with, fill, person
from tests.integration.sync_results import (
    chat_of_two,
    listed_chat_ids,
    missing_since,
    queued_keys,
    requests_for_chats,
    stored_chat_ids,
)


def test_the_first_run_stores_every_chat_with_every_member(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    report = stack.sync(demo, session)
    assert (report.outcome, report.complete, report.changed) == ("ok", True, len(demo.account.chats))
    assert stored_chat_ids(stack) == listed_chat_ids(demo)
    for chat in demo.account.chats:
        assert stack.participants_table.roster(chat.id).keys() - {CHAT_ROW} == {
            person.id for person in chat.people if chat.network.lists_owner or not person.is_self
        }


def test_a_run_over_unchanged_chats_writes_nothing_but_its_own_state(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    for complete in (False, True):
        stack.calls.clear()
        demo.hits.reset()
        report = stack.sync(demo, session, complete=complete)
        assert (report.outcome, report.changed, report.queued) == ("ok", 0, 0)
        # A complete run goes on to read contacts after its success, which it records before.
        own_state = ["UpdateItem"] * (3 if complete else 2)
        assert stack.writes() == own_state, "the lock with what is recorded in its row"
        if not complete:
            assert requests_for_chats(demo) <= 3


def test_a_chat_with_a_new_message_costs_one_write(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    chat = demo.account.chats[3]
    demo.account.receive_message(chat.id, "hello")
    stack.calls.clear()
    assert stack.sync(demo, session).changed == 1
    assert stack.writes() == ["UpdateItem", "PutItem", "UpdateItem"]
    newest = stack.chats_table.newest(chat_folder(stack, chat.id), limit=1, after=None).chats[0]
    assert (newest.chat_id, newest.last_message) == (chat.id, "hello")
    assert newest.participants


def chat_folder(stack: Stack, chat_id: str) -> Folder:
    item = stack.dynamodb.get_item(TableName="BeeperChatsTable", Key={"chatId": {"S": chat_id}})["Item"]
    return Folder(item["folder"]["S"])


def test_an_incremental_run_ends_where_everything_is_older_than_what_is_stored(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    demo.chat_api.is_old = True  # 25 chats a page: the second one is the last of this account
    stack.sync(demo, session)
    demo.account.receive_message(demo.account.chats[0].id, "one")
    demo.hits.reset()
    report = stack.sync(demo, session)
    assert (report.complete, report.changed) == (False, 1)
    assert requests_for_chats(demo) <= 3


def test_a_run_turns_complete_when_the_last_complete_one_is_twenty_hours_old(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    stack.now += 20 * HOUR - 1
    assert not stack.sync(demo, session).complete
    stack.now += 1
    assert stack.sync(demo, session).complete
    assert not stack.sync(demo, session).complete


def test_a_member_who_left_is_removed_and_one_who_joined_is_added(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    chat = max(demo.account.chats, key=lambda chat: len(chat.people))
    leaver = next(person for person in chat.people if not person.is_self)
    demo.account.remove_member(chat.id, leaver.id)
    demo.account.add_member(chat.id, Person("@new:beeper.local", full_name="Nobody New"))
    stack.sync(demo, session, complete=True)
    roster = stack.participants_table.roster(chat.id)
    assert leaver.id not in roster
    assert roster["@new:beeper.local"].full_name == "Nobody New"


def test_a_partial_roster_removes_no_member(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    group = max(demo.account.chats, key=lambda chat: len(chat.people))
    crowd = tuple(Person(f"@{number}:beeper.local", full_name=f"Number {number}") for number in range(510))
    demo.account.add_chat(replace(group, people=crowd))
    stack.sync(demo, session)
    demo.chat_api.is_old = True  # refuses -1, so that 500 is the most it gives
    demo.account.add_chat(replace(group, people=crowd[::-1], last_message="moved"))
    stack.sync(demo, session, complete=True)
    assert stack.participants_table.roster(group.id).keys() - {CHAT_ROW} == {person.id for person in crowd}


def test_a_name_is_never_replaced_by_an_id_or_a_number(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    chat, other = chat_of_two(demo)
    me = next(person for person in chat.people if person.is_self)
    named = replace(chat, title="Ada", people=(me, replace(other, full_name="Ada Lovelace")))
    demo.account.add_chat(named)
    stack.sync(demo, session)
    for raw in ("+44 20 7946 0958", "@ada:beeper.local", None):
        demo.account.add_chat(
            replace(named, title=raw or "", people=(me, replace(other, full_name=raw)), last_message=raw)
        )
        stack.sync(demo, session, complete=True)
        assert stack.participants_table.roster(chat.id)[other.id].full_name == "Ada Lovelace"
        item = stack.dynamodb.get_item(TableName="BeeperChatsTable", Key={"chatId": {"S": chat.id}})["Item"]
        assert item["title"]["S"] == "Ada"
        assert "Ada Lovelace" in item["participants"]["S"]


def test_a_new_name_always_arrives(stack: Stack, demo: DemoAccount, session: requests.Session) -> None:
    other = person(1)
    chat = chat_with(0, other)
    for name in ("Ada Lovelace", "Ann @ Work", "Bob: the builder", "Studio 54"):
        fill(demo, [replace(chat, title=name, people=(ME, replace(other, full_name=name)))])
        stack.sync(demo, session, complete=True)
        assert stack.participants_table.roster(chat.id)[other.id].full_name == name
        row = stack.chats_table.one(chat.id)
        assert row is not None
        assert (row.title, row.participants[1].full_name) == (name, name)


def test_a_message_that_must_not_be_shown_is_not_stored(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    message: dict[str, object] = {"id": "1", "type": "TEXT", "text": "<b>well-kept</b> secret"}
    for change in ({"isDeleted": True}, {"isHidden": True}, {"type": "REACTION"}):
        for preview, line in ((message, "well-kept secret"), (message | change, None)):
            chat = replace(chat_with(0, person(1)), last_message=None, quirks={"preview": preview})
            fill(demo, [chat])
            stack.sync(demo, session, complete=True)
            row = stack.dynamodb.get_item(TableName="BeeperChatsTable", Key={"chatId": {"S": chat.id}})
            assert row["Item"].get("lastMessage", {}).get("S") == line
        assert "secret" not in str(row)


def test_a_chat_merged_into_another_is_listed_nowhere(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    merged, into = demo.account.chats[:2]
    demo.account.add_chat(replace(merged, merged_into=into.id, is_archived=False))
    stack.sync(demo, session)
    shown = stack.chats_table.newest(Folder.INBOX, limit=100, after=None).chats
    assert merged.id not in {chat.chat_id for chat in shown}
    assert merged.id in stored_chat_ids(stack), "its members still refer to their images"


def test_old_servers_with_short_pages_and_short_rosters_are_read_completely(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    demo.chat_api.is_old = True
    stack.sync(demo, session)
    assert stored_chat_ids(stack) == listed_chat_ids(demo)
    group = max(demo.account.chats, key=lambda chat: len(chat.people))
    assert stack.participants_table.roster(group.id).keys() - {CHAT_ROW} == {
        person.id for person in group.people
    }


def test_a_crash_before_a_chat_is_written_is_repaired_by_the_next_run(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    put, victim = stack.chats_table.put, demo.account.chats[5].id

    def crash(chats: Iterable[ChatToStore], *, fence: int) -> None:
        written = list(chats)
        put((each for each in written if each.chat.chat_id != victim), fence=fence)
        if victim in {each.chat.chat_id for each in written}:
            raise ConnectionError("the network went away")

    stack.chats_table.put = crash  # type: ignore[method-assign] # members and messages are written, the chat is not
    with pytest.raises(ConnectionError):
        stack.sync(demo, session)
    stack.chats_table.put = put  # type: ignore[method-assign] # as above
    assert victim not in stored_chat_ids(stack)
    stack.sync(demo, session)
    assert stored_chat_ids(stack) == listed_chat_ids(demo)
    keys = queued_keys(stack)
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("offline", "offline"),
        ("tunnel_down", "offline"),
        ("html", "offline"),
        ("rate_limited", "offline"),
        ("unauthorized", "unauthorized"),
    ],
)
def test_a_beeper_that_cannot_be_reached_is_reported_and_changes_nothing(
    stack: Stack, demo: DemoAccount, session: requests.Session, fault: str, outcome: str
) -> None:
    stack.sync(demo, session)
    before, synced = stored_chat_ids(stack), stack.wiring.last_sync_store.read()
    stack.now += DAY
    demo.faults.set(fault, "chats")
    assert stack.sync(demo, session).outcome == outcome
    assert stack.wiring.beeper_health_store.read().state == outcome
    assert (stored_chat_ids(stack), stack.wiring.last_sync_store.read()) == (before, synced)
    assert set(missing_since(stack).values()) == {0}
    demo.faults.set("none", "all")
    stack.sync(demo, session)
    assert stack.wiring.beeper_health_store.read().state is BeeperState.OK
