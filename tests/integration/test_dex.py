"""The import from Dex: complete whatever Dex answers, and never a reason to lose a contact."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import requests

from demo.chats import Json
from demo.dex import FakeDex
from demo.listener import Listener, Reply, Request, json_reply
from demo.service import DemoAccount
from imagecache.errors import DexError
from imagecache.model.contact import Identifier, IdentifierKind
from imagecache.sources.dex import DexApi
from imagecache.usecases.contacts.import_contacts import ImportReport
from tests.integration.api import Api
from tests.integration.conftest import Stack
from tests.integration.contacts_world import ADA, INSTAGRAM, OTHER_PICTURE, PICTURE, World, alone

KEY = "d3x-key"
ADA_IN_DEX: Json = {
    "id": "5f3a",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "instagram": "@ada.lovelace",
    "image_url": PICTURE,
    "emails": [{"email": "Ada@Example.com"}, {"email": None}, {"kind": "work"}],
    "phones": [{"phone": "020 7946 0958"}, {"phone_number": "+49 170 1234567"}, {"phone": "none"}, None],
}


@dataclass
class Served:
    """A fake Dex on a free port, and the import that reads it. Pauses between requests are only recorded."""

    stack: Stack
    dex: FakeDex
    url: str
    session: requests.Session
    slept: list[float] = field(default_factory=list)

    def run(self, milliseconds: int = 900_000) -> ImportReport:
        def left() -> int:
            return milliseconds - int(sum(self.slept) * 1000)

        imports = self.stack.wiring.contact_import
        api = DexApi(base_url=self.url, key=KEY, session=self.session, sleep=self.slept.append)
        return imports.run(api, remaining_ms=left)

    def names(self) -> dict[str, str | None]:
        return {one.contact_id: one.full_name for one in self.stack.contacts_table.all_contacts()}


@pytest.fixture
def served(stack: Stack, session: requests.Session) -> Iterator[Served]:
    dex = FakeDex([], key=KEY)
    listener = Listener(0, dex)
    listener.start()
    yield Served(stack, dex, listener.url, session)
    listener.stop()


def people(count: int) -> list[Json]:
    return [{"id": number, "first_name": f"Number {number}"} for number in range(count)]


def test_every_identifier_that_dex_has_is_imported(served: Served) -> None:
    served.dex.people = [ADA_IN_DEX]
    report = served.run()
    assert (report.saved, report.skipped, report.changed) == (1, 1, True)
    [ada] = served.stack.contacts_table.all_contacts()
    assert (ada.contact_id, ada.full_name, ada.image_key) == ("dex:5f3a", "Ada Lovelace", PICTURE)
    assert set(ada.identifiers) == {
        Identifier(IdentifierKind.INSTAGRAM, "ada.lovelace"),
        Identifier(IdentifierKind.PHONE, "+442079460958"),
        Identifier(IdentifierKind.PHONE, "+491701234567"),
        Identifier(IdentifierKind.EMAIL, "ada@example.com"),
    }


def test_a_person_with_endless_fields_is_cut_to_our_limits_and_the_others_are_imported(
    served: Served,
) -> None:
    numbers = [{"phone": f"+4420794{number:05}"} for number in range(2000)]
    monster: Json = {
        "id": "m",
        "first_name": "x" * 10**6,
        "image_url": f"data:,{'x' * 10**6}",
        "phones": numbers,
    }
    served.dex.people = [monster, {"id": "i" * 200, "first_name": "Endless"}, *people(1)]
    report = served.run()
    assert (report.saved, report.unreadable) == (2, 1)
    [known] = [one for one in served.stack.contacts_table.all_contacts() if one.contact_id == "dex:m"]
    assert (len(known.full_name or ""), known.source_url, len(known.identifiers)) == (500, None, 50)


def test_pages_are_read_to_the_end_with_a_pause_before_each(served: Served) -> None:
    served.dex.people = people(300)
    assert served.run().read == 300
    assert served.dex.requests == 4, "three whole pages, and an empty one that ends them"
    assert served.slept == [0.1, 0.1, 0.1]


def test_a_busy_dex_is_asked_again_after_the_time_that_it_names(served: Served) -> None:
    served.dex.people, served.dex.busy = people(2), 2
    assert served.run().saved == 2
    assert served.slept == [1, 1]


def test_an_import_ends_when_dex_stays_busy(served: Served) -> None:
    served.dex.people, served.dex.busy = people(2), 99
    report = served.run()
    assert (report.outcome, report.changed, served.dex.requests) == ("offline", False, 5)
    served.slept.clear()
    assert served.run(milliseconds=20_500).outcome == "offline"
    assert served.slept == [], "a pause longer than the time that is left"


def test_a_key_that_is_refused_changes_nothing(served: Served) -> None:
    served.dex.people = people(1)
    served.run()
    served.dex._key = "another"
    assert served.run().outcome == "unauthorized"
    assert served.names() == {"dex:0": "Number 0"}


def test_an_import_without_changes_writes_nothing(served: Served) -> None:
    served.dex.people = [ADA_IN_DEX, *people(3)]
    served.run()
    served.stack.calls.clear()
    report = served.run()
    assert (report.read, report.changed) == (4, False)
    assert served.stack.writes() == []


def test_a_contact_that_dex_no_longer_has_is_removed_unless_it_is_kept_by_hand(
    served: Served, demo: DemoAccount
) -> None:
    world = World(served.stack, demo, served.session, Api(served.stack))
    served.dex.people = [ADA_IN_DEX, *people(2)]
    served.run()
    world.put("mine", fullName="Mine")
    world.put("dex:1", OTHER_PICTURE, fullName="Put by hand")
    served.dex.people = people(2)[1:]
    report = served.run()
    assert (report.removed, report.kept_by_hand) == (2, 1)
    assert served.names() == {"mine": "Mine", "dex:1": "Put by hand"}
    served.dex.people = []
    assert served.run().removed == 0


@pytest.mark.parametrize(
    ("left", "unreadable", "outcome"), [(40, 0, (10, 0)), (39, 0, (0, 11)), (45, 1, (0, 5))]
)
def test_nothing_is_removed_if_it_would_be_very_much_or_dex_lists_people_without_an_id(
    served: Served, left: int, unreadable: int, outcome: tuple[int, int]
) -> None:
    served.dex.people = people(50)
    served.run()
    nobody: Json = {"first_name": "Nobody"}
    served.dex.people = [*people(left), *([nobody] * unreadable)]
    report = served.run()
    assert (report.removed, report.refused) == outcome


def test_an_import_that_is_out_of_time_removes_nothing_and_the_next_one_completes_it(served: Served) -> None:
    served.dex.people = people(150)
    assert served.run(milliseconds=20_050).outcome == "unfinished"
    assert served.names() == {}
    assert served.run().saved == 150
    served.slept.clear()
    served.dex.people = people(150)[:120]
    assert served.run(milliseconds=20_050).removed == 0


@pytest.mark.parametrize(
    "answer",
    [Reply(200, b"<html>", {}), json_reply(200, {"rows": []}), json_reply(400, []), json_reply(200, "text")],
    ids=["a page", "another object", "another status", "a text"],
)
def test_an_answer_without_a_list_of_contacts_is_an_error_and_changes_nothing(
    served: Served, answer: Reply
) -> None:
    served.dex.people = people(3)
    served.run()
    other = Listener(0, lambda _: answer)
    other.start()
    served.url = other.url
    with pytest.raises(DexError):
        served.run()
    other.stop()
    assert len(served.names()) == 3


def test_an_import_ends_when_dex_ignores_the_offset(served: Served) -> None:
    def same_page(_: Request) -> Reply:
        return json_reply(200, people(100))

    other = Listener(0, same_page)
    other.start()
    served.url = other.url
    with pytest.raises(DexError, match="offset"):
        served.run()
    other.stop()


def test_a_picture_from_dex_is_shown_after_the_next_sync(served: Served, demo: DemoAccount) -> None:
    world = World(served.stack, demo, served.session, Api(served.stack))
    world.has(alone(INSTAGRAM, ADA))
    world.sync()
    served.dex.people = [ADA_IN_DEX]
    served.run()
    world.sync()
    world.cached()
    assert world.shown() == ("contact", "cached")
