"""Many hints are few syncs, and no hint is lost while another sync runs."""

from collections.abc import Callable
from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from demo.chats import ChatEvent, EventType
from demo.service import DemoAccount
from imagecache_hints.hinted_sync import HintedSync, syncing_on_hints
from imagecache_hints.listener import ListenerState
from tests.demo.clients import Clock

PATIENCE_SECONDS = 60


class Script:
    """Runs a HintedSync in this thread, on a clock of its own, until nothing is left to do.

    `syncs` has the time and the chats of each sync. `during` is called within each sync, and returns its
    result.
    """

    def __init__(self, during: Callable[[int], bool] = lambda _: True) -> None:
        self.clock = Clock()
        self.syncs: list[tuple[float, frozenset[str]]] = []
        self._during = during
        self._stopped = Event()
        self.hinted = HintedSync(self._sync, stopped=self._stopped, clock=self.clock, wait=self._wait)

    def run(self, *, syncs: int) -> list[float]:
        """Runs so many syncs, and returns the seconds at which they were started."""
        self._left = syncs
        started = self.clock.now
        self.hinted.run()
        return [moment - started for moment, _ in self.syncs]

    def _sync(self, chat_ids: frozenset[str]) -> bool:
        self.syncs.append((self.clock.now, chat_ids))
        self._left -= 1
        result = self._during(len(self.syncs))
        if not self._left:
            self._stopped.set()
        return result

    def _wait(self, seconds: float) -> bool:
        self.clock.now += seconds
        return self._stopped.is_set()


def test_ten_thousand_hints_at_once_are_one_sync_which_looks_for_a_hundred_chats() -> None:
    script = Script()
    for number in range(10_000):
        script.hinted.hint(f"!{number}")
    assert script.run(syncs=1) == [0.5]
    [(_, chat_ids)] = script.syncs
    assert len(chat_ids) == 100


def test_a_repeated_hint_counts_once_and_one_for_anything_names_no_chat() -> None:
    script = Script()
    for chat_id in ("!a", "!a", None, "!b"):
        script.hinted.hint(chat_id)
    script.run(syncs=1)
    assert script.syncs[0][1] == {"!a", "!b"}


def test_endless_hints_lead_to_five_syncs_at_once_and_then_to_one_every_five_seconds() -> None:
    def another_hint(count: int) -> bool:
        script.hinted.hint(f"!{count}")
        return True

    script = Script(another_hint)
    script.hinted.hint("!0")
    started = script.run(syncs=20)
    assert started[:5] == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert started[5:] == pytest.approx([5.5 + 5 * count for count in range(15)])
    assert [chat_ids for _, chat_ids in script.syncs] == [{f"!{count}"} for count in range(20)]


def test_a_sync_that_another_one_holds_up_is_tried_again_ever_more_rarely_for_the_same_chats() -> None:
    def busy_until_the_fourth(count: int) -> bool:
        script.hinted.hint(f"!{count}")
        return count == 4

    script = Script(busy_until_the_fourth)
    script.hinted.hint("!0")
    script.run(syncs=4)
    gaps = [later - earlier for (earlier, _), (later, _) in zip(script.syncs, script.syncs[1:], strict=False)]
    assert gaps == [2.5, 4.5, 8.5]
    assert script.syncs[-1][1] == {"!0", "!1", "!2", "!3"}


def test_while_syncs_fail_the_chats_of_hints_do_not_add_up() -> None:
    def fail(count: int) -> bool:
        for number in range(100):
            script.hinted.hint(f"!{count}.{number}")
        return False

    script = Script(fail)
    script.hinted.hint("!first")
    script.run(syncs=5)
    assert [len(chat_ids) for _, chat_ids in script.syncs] == [1, 100, 100, 100, 100]


def test_a_change_in_beeper_is_a_sync_and_a_storm_of_events_is_few() -> None:
    """With the demo account's WebSocket, in real time."""
    syncs: list[frozenset[str]] = []
    synced, listening = Event(), Event()

    def sync(chat_ids: frozenset[str]) -> bool:
        syncs.append(chat_ids)
        synced.set()
        return True

    def note(state: ListenerState) -> None:
        assert state is ListenerState.LISTENING
        listening.set()

    with DemoAccount(scale=0.1) as demo:
        headers = {"Authorization": f"Bearer {demo.beeper_token}"}
        with syncing_on_hints(demo.beeper_url, lambda: headers, sync, on_state=note):
            assert listening.wait(PATIENCE_SECONDS)
            chat = demo.account.chats[-1]
            demo.account.set_avatar(chat.id, None)
            demo.account.receive_message(chat.id, "hello")
            assert synced.wait(PATIENCE_SECONDS)
            assert syncs == [{chat.id}]
            synced.clear()
            demo.events.send([ChatEvent(EventType.CHAT_UPSERTED, f"!{n}") for n in range(10_000)])
            demo.account.receive_message(chat.id, "the last one")
            assert synced.wait(PATIENCE_SECONDS)
    assert len(syncs) <= 5


def test_the_end_of_the_block_ends_both_threads() -> None:
    before = set(enumerate_threads())
    with (
        DemoAccount(scale=0.1) as demo,
        syncing_on_hints(demo.beeper_url, dict, lambda _: True, on_state=lambda _: None),
    ):
        pass
    assert [thread for thread in enumerate_threads() if thread not in before and thread.is_alive()] == []
