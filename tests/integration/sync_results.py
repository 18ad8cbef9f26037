"""Helpers for tests of sync: they run it, and look at the tables, the queue and the account after it."""

from collections.abc import Callable

from demo.chats import Chat as DemoChat
from demo.chats import Person
from demo.service import DemoAccount
from imagecache.queues.images import from_body
from imagecache.sources.beeper.chats import ChatApi
from imagecache.stores.state.beeper_health import BeeperState
from imagecache.stores.state.lock import SyncRecords
from imagecache.usecases.sync.sync_run import SyncReport
from tests.integration.conftest import Stack


def sync_with(stack: Stack, chat_api: ChatApi, *, complete: bool = False) -> SyncReport:
    """Runs sync with an API of the test's own, and with enough time."""
    return stack.runs().run(chat_api, remaining_ms=lambda: 900_000, complete=complete)


def beeper_was_found(stack: Stack, state: BeeperState, *, now: int) -> None:
    """Records that a run of sync has found Beeper in this state at `now`."""
    held = stack.wiring.sync_lock.acquire(now=now, lease_ms=1)
    assert held
    health = held.beeper_health.checked(state, now=now)
    assert stack.wiring.sync_lock.release(held.fence, SyncRecords(beeper_health=health))


def minutes(*left: int) -> Callable[[], int]:
    """Returns a `remaining_ms` that gives these minutes one after the other, and the last one for ever."""
    remaining = list(left)
    return lambda: 60_000 * (remaining.pop(0) if len(remaining) > 1 else remaining[0])


def stored_chat_ids(stack: Stack) -> set[str]:
    """Returns the ids of all chats in beeperChats."""
    return set(stack.chats_table.listings())


def missing_since(stack: Stack) -> dict[str, int]:
    """Returns since when (ms) each stored chat is missing, 0 if it is not."""
    return {chat_id: row.missing_since for chat_id, row in stack.chats_table.listings().items()}


def listed_chat_ids(demo: DemoAccount) -> set[str]:
    """Returns the ids of all chats that Beeper lists."""
    return {chat.id for chat in demo.account.chats}


def queued_keys(stack: Stack) -> list[str]:
    """Takes all messages out of the queue and returns the keys of the images that they ask for."""
    return [from_body(message["body"]).image_key for message in stack.messages()]


def requests_for_chats(demo: DemoAccount) -> int:
    """Returns how many requests for chats Beeper has received since its counters were last reset."""
    hits = demo.hits.as_json()
    return int(str(hits["chats"])) + int(str(hits["chat"]))


def chat_of_two(demo: DemoAccount) -> tuple[DemoChat, Person]:
    """Returns a chat with one other person, and that person."""
    chat = next(chat for chat in demo.account.chats if len(chat.people) == 2 and not chat.merged_into)
    return chat, next(person for person in chat.people if not person.is_self)
