"""Linking everybody anew: bounded by time, resumed, and right after a crash at any call."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
import requests

from demo.service import DemoAccount
from imagecache.clock import HOUR
from imagecache.usecases.caching.queue_images import ImageQueueing
from tests.integration.acquaintances import ADA, NUMBER, OTHER_PICTURE, SIGNAL, World, alone
from tests.integration.api import Api
from tests.integration.conftest import Stack

CHATS = 4


class KilledError(Exception):
    """The function ends here, as if its process had been killed."""


@pytest.fixture
def world(stack: Stack, demo: DemoAccount, session: requests.Session) -> World:
    """Ada in four chats, stored before there was any contact; a relinking looks at three members a step."""
    stack.wiring.contact_relinker = replace(stack.wiring.contact_relinker, members_per_step=3)
    world = World(stack, demo, session, Api(stack))
    world.has(*(alone(SIGNAL, ADA, number) for number in range(CHATS)))
    world.sync()
    return world


def assert_shown_everywhere(world: World) -> None:
    assert [world.shown(number) for number in range(CHATS)] == [("contact", "pending")] * CHATS
    assert world.linked("ada") == list(range(CHATS))


def test_a_relinking_that_is_out_of_time_goes_on_in_the_next_run(world: World) -> None:
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


def test_a_change_during_a_relinking_is_not_passed_over(world: World) -> None:
    world.put("zoe", OTHER_PICTURE, identifiers={"email": ["zoe@example.com"]})
    times = itertools.chain([900_000, 900_000], itertools.repeat(29_999))
    assert world.sync(remaining_ms=lambda: next(times)).outcome == "unfinished"
    world.put("ada", identifiers={"phone": NUMBER})
    world.sync()
    assert_shown_everywhere(world)


def test_a_change_while_a_run_is_under_way_is_the_next_runs_and_that_comes_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("zoe", OTHER_PICTURE)
    world.sync()
    due = ImageQueueing.request_due

    def meanwhile(requests: ImageQueueing) -> int:
        """Near the end of the run."""
        monkeypatch.setattr(ImageQueueing, "request_due", due)
        world.put("ada", identifiers={"phone": NUMBER})
        return due(requests)

    monkeypatch.setattr(ImageQueueing, "request_due", meanwhile)
    assert world.sync().outcome == "unfinished"
    assert world.sync().outcome == "ok"
    assert_shown_everywhere(world)


def test_a_crash_at_any_call_of_a_relinking_heals_in_the_next_run(world: World) -> None:
    left = 10_000

    def count(**_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KilledError

    for service in (world.stack.dynamodb, world.stack.sqs):
        service.meta.events.register("before-call.*.*", count)
    try:
        for calls in range(6, 20, 2):
            world.put("ada", OTHER_PICTURE, identifiers={"phone": NUMBER})
            left = calls
            with pytest.raises(KilledError):
                world.sync()
            left = 10_000
            world.stack.now += HOUR  # its lease lapses
            world.sync()
            assert_shown_everywhere(world)
            world.put("ada", OTHER_PICTURE, identifiers={})
            world.sync()
    finally:
        for service in (world.stack.dynamodb, world.stack.sqs):
            service.meta.events.unregister("before-call.*.*", count)


def test_a_crash_in_the_middle_of_a_change_is_made_good_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("ada", OTHER_PICTURE)
    world.sync()
    counted = iter([world.stack.wiring.contact_changes.count])

    def count_once() -> None:
        next(counted)()

    monkeypatch.setattr(world.stack.wiring.contact_changes, "count", count_once)
    status = world.api.ask(
        "PUT /api/contacts/{contactId}",
        {"imageUrl": OTHER_PICTURE, "identifiers": {"phone": NUMBER}},
        path={"contactId": "ada"},
    )[0]
    assert status == 500, "killed after the contact was written"
    world.sync()
    assert_shown_everywhere(world)


@pytest.mark.parametrize("step", ["members", "link"])
def test_a_run_that_lost_its_lease_links_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    world.put("ada", identifiers={"phone": NUMBER})
    participants = world.stack.participants_table
    do = getattr(participants, step)

    def overtaken(*members: Any, **how: Any) -> Any:
        """Another run has begun and ended, and then the contact was removed, before this one goes on."""
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
