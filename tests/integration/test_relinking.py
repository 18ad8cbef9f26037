"""Relinking members to contacts stops in time, is continued where it stopped, and survives any crash."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import requests

from demo.service import DemoAccount
from imagecache.clock import HOUR
from imagecache.model.contact import Contact
from imagecache.rules.time_budget import TimeBudget
from imagecache.usecases.caching.queue_images import ImageQueueing
from tests.integration.api import Api
from tests.integration.conftest import Stack
from tests.integration.contacts_world import ADA, NUMBER, OTHER_PICTURE, SIGNAL, World, alone

CHATS = 4


class KilledError(Exception):
    """Raised where the process of the function is killed."""


@pytest.fixture
def empty_world(stack: Stack, demo: DemoAccount, session: requests.Session) -> World:
    return World(stack, demo, session, Api(stack))


@pytest.fixture
def world(empty_world: World) -> World:
    """Ada in four chats, stored before there was any contact. Relinking takes three members at a time."""
    store_chats(empty_world, CHATS, members_per_step=3)
    return empty_world


def store_chats(world: World, chats: int, *, members_per_step: int) -> None:
    """Stores chats of two members, Ada and the owner, and limits the steps of a relinking."""
    wiring = world.stack.wiring
    wiring.contact_relinker = replace(wiring.contact_relinker, members_per_step=members_per_step)
    world.has(*(alone(SIGNAL, ADA, number) for number in range(chats)))
    world.sync()


def assert_shown_everywhere(world: World, chats: int = CHATS) -> None:
    assert [world.shown(number) for number in range(chats)] == [("contact", "pending")] * chats
    assert world.linked("ada") == list(range(chats))


def test_a_relinking_that_is_out_of_time_is_continued_by_the_next_run(world: World) -> None:
    world.put("ada", identifiers={"phone": NUMBER})
    enough, none = 900_000, 29_999
    times = itertools.chain([enough, enough], itertools.repeat(none))
    report = world.sync(remaining_ms=lambda: next(times))
    assert report.outcome == "unfinished"
    assert 0 < len(world.linked("ada")) < CHATS
    world.stack.calls.clear()
    report = world.sync()
    assert report.outcome == "ok"
    assert world.stack.calls.count("Scan") == 2, "only what was left"
    assert_shown_everywhere(world)


def test_a_change_during_a_relinking_is_not_missed(world: World) -> None:
    world.put("zoe", OTHER_PICTURE, identifiers={"email": ["zoe@example.com"]})
    times = itertools.chain([900_000, 900_000], itertools.repeat(29_999))
    assert world.sync(remaining_ms=lambda: next(times)).outcome == "unfinished"
    world.put("ada", identifiers={"phone": NUMBER})
    world.sync()
    assert_shown_everywhere(world)


def test_a_change_during_a_run_is_linked_by_the_next_run_which_comes_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("zoe", OTHER_PICTURE)
    world.sync()
    due = ImageQueueing.request_due

    def meanwhile(requests: ImageQueueing) -> int:
        """Changes a contact near the end of the run."""
        monkeypatch.setattr(ImageQueueing, "request_due", due)
        world.put("ada", identifiers={"phone": NUMBER})
        return due(requests)

    monkeypatch.setattr(ImageQueueing, "request_due", meanwhile)
    assert world.sync().outcome == "unfinished"
    assert world.sync().outcome == "ok"
    assert_shown_everywhere(world)


@contextmanager
def killed_after(stack: Stack, calls: int) -> Iterator[None]:
    """Ends the process, as it were, at the AWS call that follows so many others."""
    left = calls

    def count(**_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KilledError

    services = (stack.dynamodb, stack.sqs)
    for service in services:
        service.meta.events.register("before-call.*.*", count)
    try:
        yield
    finally:
        for service in services:
            service.meta.events.unregister("before-call.*.*", count)


def is_killed_while_relinking(world: World, calls: int) -> bool:
    """Relinks under the sync lock. Returns True if that was killed after so many AWS calls."""
    wiring = world.stack.wiring
    budget = TimeBudget(lambda: 900_000, reserve_ms=0)
    held = wiring.sync_lock.acquire(now=world.stack.now, lease_ms=HOUR)
    assert held is not None
    world.stack.now += HOUR + 1  # so that the next run does not have to wait for a dead one
    try:
        with killed_after(world.stack, calls):
            wiring.contact_relinker.run(fence=held.fence, images_since=0, time_budget=budget)
    except KilledError:
        return True
    return False


def test_a_crash_at_any_call_of_a_relinking_is_repaired_by_the_next_run(empty_world: World) -> None:
    world = empty_world
    chats = 2
    store_chats(world, chats, members_per_step=2)
    killed = True
    calls = 0
    while killed:
        world.put("ada", OTHER_PICTURE, identifiers={"phone": NUMBER})
        killed = is_killed_while_relinking(world, calls)
        world.sync()
        assert_shown_everywhere(world, chats)
        world.put("ada", OTHER_PICTURE, identifiers={})
        killed = is_killed_while_relinking(world, calls) or killed
        world.sync()
        assert [world.shown(number) for number in range(chats)] == [(None, "none")] * chats
        assert world.linked("ada") == []
        calls += 1
    assert calls > 15, "a relinking makes more calls than that"


def test_a_crash_at_any_call_of_a_change_is_repaired_by_the_next_run(world: World) -> None:
    calls = itertools.count()
    written_before_the_kill = 0
    status = 500
    while status == 500:
        world.put("ada", OTHER_PICTURE)
        world.sync()
        with killed_after(world.stack, next(calls)):
            status = world.api.ask(
                "PUT /api/contacts/{contactId}",
                {"imageUrl": OTHER_PICTURE, "identifiers": {"phone": NUMBER}},
                path={"contactId": "ada"},
            )[0]
        world.sync()
        contact = world.stack.contacts_table.one("ada")
        if contact and contact.identifiers:
            assert_shown_everywhere(world)
            written_before_the_kill += status == 500
    assert written_before_the_kill, "at least one kill came after the contact was written"


def test_a_sync_between_the_beginning_and_the_write_of_a_change_is_followed_by_one_that_relinks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("ada", OTHER_PICTURE)
    world.sync()
    contacts_table = world.stack.contacts_table
    save = contacts_table.save

    def save_after_a_sync(contact: Contact, *, before: Contact | None) -> Contact:
        world.sync()
        return save(contact, before=before)

    monkeypatch.setattr(contacts_table, "save", save_after_a_sync)
    world.put("ada", OTHER_PICTURE, identifiers={"phone": NUMBER})
    world.sync()
    assert_shown_everywhere(world)


@pytest.mark.parametrize("step", ["members", "link"])
def test_a_superseded_run_links_no_member(world: World, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    world.put("ada", identifiers={"phone": NUMBER})
    participants = world.stack.participants_table
    do = getattr(participants, step)

    def overtaken(*members: Any, **how: Any) -> Any:
        """Pauses the run: meanwhile another one syncs, the contact is removed, and a third one syncs."""
        monkeypatch.setattr(participants, step, do)
        found = do(*members, **how)
        world.stack.now += HOUR
        world.sync()
        world.remove("ada")
        world.sync()
        return found

    monkeypatch.setattr(participants, step, overtaken)
    assert world.sync().outcome == "superseded"
    assert [world.shown(number) for number in range(CHATS)] == [(None, "none")] * CHATS
    assert all(not one.contact_id for one in participants.roster("!0:beeper.local").values())
