"""A chat is deleted only if two complete runs have missed it and Beeper itself answers that it is gone."""

from dataclasses import replace

import pytest
import requests

from demo.chats import Chat as DemoChat
from demo.service import DemoAccount
from tests.integration.conftest import Stack
from tests.integration.sync_results import missing_since, stored_chat_ids, sync_with


@pytest.fixture
def doomed(stack: Stack, demo: DemoAccount, session: requests.Session) -> DemoChat:
    """A chat that is stored, and has then been removed from Beeper."""
    stack.sync(demo, session)
    chat = demo.account.chats[4]
    demo.account.remove_chat(chat.id)
    return chat


def complete_run(
    stack: Stack, demo: DemoAccount, session: requests.Session, *, force: bool = False
) -> tuple[int, ...]:
    stack.now += 60_000
    report = stack.sync(demo, session, complete=True, force=force)
    assert report.outcome == "ok"
    return report.missing, report.deleted, report.refused


def test_a_chat_is_deleted_with_its_members_by_the_second_complete_run(
    stack: Stack, demo: DemoAccount, session: requests.Session, doomed: DemoChat
) -> None:
    stack.now += 60_000
    assert stack.sync(demo, session).missing == 0, "an incremental run knows nothing of what is missing"
    assert complete_run(stack, demo, session) == (1, 0, 0)
    assert doomed.id in stored_chat_ids(stack)
    assert complete_run(stack, demo, session) == (0, 1, 0)
    assert doomed.id not in stored_chat_ids(stack)
    assert stack.participants_table.roster(doomed.id) == {}


def test_a_chat_that_is_listed_again_is_no_longer_missing(
    stack: Stack, demo: DemoAccount, session: requests.Session, doomed: DemoChat
) -> None:
    complete_run(stack, demo, session)
    demo.account.add_chat(doomed)
    complete_run(stack, demo, session)
    assert set(missing_since(stack).values()) == {0}
    demo.account.remove_chat(doomed.id)
    assert complete_run(stack, demo, session) == (1, 0, 0)


def test_a_chat_that_beeper_does_not_list_but_still_has_is_kept(
    stack: Stack, demo: DemoAccount, session: requests.Session, doomed: DemoChat
) -> None:
    complete_run(stack, demo, session)
    demo.account.add_chat(doomed)
    api = stack.chat_api(demo, session)
    page = api.page

    def without_it(cursor: str | None) -> object:
        found = page(cursor)
        return replace(found, chats=[chat for chat in found.chats if chat.chat_id != doomed.id])

    api.page = without_it  # type: ignore[assignment,method-assign] # a list that lacks one chat
    stack.now += 60_000
    report = sync_with(stack, api, complete=True)
    assert (report.deleted, report.refused) == (0, 0)
    assert set(missing_since(stack).values()) == {0}


def test_a_server_that_refuses_to_answer_for_a_chat_deletes_nothing(
    stack: Stack, demo: DemoAccount, session: requests.Session, doomed: DemoChat
) -> None:
    complete_run(stack, demo, session)
    api = stack.chat_api(demo, session)
    page = api.page(None)
    demo.faults.set("unauthorized", "chats")
    api.page = {None: page}.__getitem__  # type: ignore[assignment,method-assign] # only the list still answers
    stack.now += 60_000
    report = sync_with(stack, api, complete=True)
    assert (report.outcome, report.deleted) == ("unauthorized", 0)
    assert doomed.id in stored_chat_ids(stack)


def test_many_chats_at_once_are_not_deleted_without_force(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    for chat in [chat for chat in demo.account.chats if not chat.merge][:11]:  # a union is no loss of its own
        demo.account.remove_chat(chat.id)
    assert complete_run(stack, demo, session) == (11, 0, 0)
    assert complete_run(stack, demo, session) == (0, 0, 11)
    assert complete_run(stack, demo, session) == (0, 0, 11), "it waits"
    assert complete_run(stack, demo, session, force=True) == (0, 11, 0)


def test_nothing_is_missing_while_something_in_the_list_has_no_id(
    stack: Stack, demo: DemoAccount, session: requests.Session, doomed: DemoChat
) -> None:
    """The chat without an id may be any of those that seem to be missing."""
    nameless = replace(doomed, id="!nameless:beeper.local", quirks={"id": None})
    demo.account.add_chat(nameless)
    for _ in range(3):
        assert complete_run(stack, demo, session) == (0, 0, 0)
    demo.account.remove_chat(nameless.id)
    assert complete_run(stack, demo, session) == (1, 0, 0)
    demo.account.add_chat(nameless)
    assert complete_run(stack, demo, session) == (0, 0, 0)
    demo.account.remove_chat(nameless.id)
    assert complete_run(stack, demo, session) == (0, 1, 0)


def test_a_chat_whose_id_is_too_long_keeps_no_other_chat_from_being_deleted(
    stack: Stack, demo: DemoAccount, session: requests.Session, doomed: DemoChat
) -> None:
    demo.account.add_chat(replace(doomed, id="!long:beeper.local", quirks={"id": "x" * 1025}))
    assert complete_run(stack, demo, session) == (1, 0, 0)
    assert complete_run(stack, demo, session) == (0, 1, 0)


def test_a_chat_whose_roster_is_unavailable_is_not_missing(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    group = max(demo.account.chats, key=lambda chat: len(chat.people))
    demo.chat_api.withheld = {group.id}
    for _ in range(3):
        assert complete_run(stack, demo, session) == (0, 0, 0)
    assert group.id in stored_chat_ids(stack)


def test_an_outage_between_two_pages_marks_no_chat_as_missing(
    stack: Stack, demo: DemoAccount, session: requests.Session, doomed: DemoChat
) -> None:
    for number in range(30):
        demo.account.add_chat(replace(doomed, id=f"!more{number}:beeper.local"))
    demo.chat_api.is_old = True  # 25 chats a page
    api = stack.chat_api(demo, session)
    page = api.page

    def then_offline(cursor: str | None) -> object:
        demo.faults.set("offline" if cursor else "none", "chats")
        return page(cursor)

    api.page = then_offline  # type: ignore[assignment,method-assign] # the laptop sleeps after page one
    report = sync_with(stack, api, complete=True)
    assert report.outcome == "offline"
    assert missing_since(stack)[doomed.id] == 0
