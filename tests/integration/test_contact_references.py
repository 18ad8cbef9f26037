"""Contacts' pictures are references: missing while they are not cached, and counted where they are shown."""

from dataclasses import replace

import pytest
import requests

from demo.chats import Person
from demo.service import DemoAccount
from imagecache.model.image import ImageRef, RejectionReason
from tests.integration.api import Api
from tests.integration.conftest import Stack
from tests.integration.contacts_world import ADA, NUMBER, OTHER_PICTURE, PICTURE, SIGNAL, World, alone


@pytest.fixture
def world(stack: Stack, demo: DemoAccount, session: requests.Session) -> World:
    return World(stack, demo, session, Api(stack))


def missing(world: World) -> list[tuple[str, str, str, str | None]]:
    """Returns the pictures that are not cached: whose, the URL, the status and the reason."""
    references = world.api.get("/api/images/uncached")["references"]
    return [(one["source"], one["sourceUrl"], one["status"], one["reason"]) for one in references]


def test_a_contacts_picture_is_missing_until_it_is_cached(world: World) -> None:
    world.has(alone(SIGNAL, ADA))
    world.put("ada", identifiers={"phone": NUMBER})
    world.sync()
    assert missing(world) == [("contact", PICTURE, "pending", None)]
    world.cached()
    assert missing(world) == []


def test_a_contacts_picture_that_is_never_fetched_is_missing_with_the_reason(world: World) -> None:
    """The API refuses such a picture, but Dex may have one."""
    world.has(alone(SIGNAL, ADA))
    world.put("ada", None, identifiers={"phone": NUMBER})
    known, url = world.stack.contacts_table.several(["ada"])["ada"], "ftp://pictures.example/ada.jpg"
    rejected = ImageRef(None, RejectionReason.UNSUPPORTED_SCHEME)
    world.stack.contacts_table.save(replace(known, source_url=url, image=rejected), before=known)
    world.sync()
    assert missing(world) == [("contact", url, "failed", "unsupported_scheme")]


def test_a_contacts_picture_counts_as_a_reference_in_each_chat_that_shows_it(world: World) -> None:
    world.has(*(alone(SIGNAL, ADA, number) for number in range(3)))
    world.put("ada", identifiers={"phone": NUMBER})
    world.put("nobody", OTHER_PICTURE)
    world.sync()
    world.cached()
    stats = world.api.get("/api/stats")
    assert stats["totalChatsWithImages"] == 3
    saved = stats["deduplication"]
    assert (saved["references"], saved["images"], saved["downloadsSaved"]) == (3, 1, 2)


def test_the_owners_own_contact_does_not_count_as_a_picture_of_a_chat(world: World) -> None:
    me = replace(ADA, id="@me:beeper.local", is_self=True)
    world.has(replace(alone(SIGNAL, Person("@bob:beeper.local", "Bob")), people=(me,)))
    world.put("me", identifiers={"phone": NUMBER})
    world.sync()
    world.cached()
    stats = world.api.get("/api/stats")
    assert (stats["totalChatsWithImages"], stats["deduplication"]["references"]) == (0, 1)
