"""The demo account's contacts: a Dex like the real one, and pictures for people without one."""

import json
from typing import Any

import pytest
import requests

from demo.account import Account
from demo.address_book import contacts_by_hand, contacts_in_dex
from demo.dex import DEMO_KEY, PATH, FakeDex
from demo.listener import Request
from demo.service import DemoAccount
from imagecache.rules.source_urls import image_key


def ask(dex: FakeDex, *, offset: int = 0, key: str = "k") -> tuple[int, Any]:
    query = {"limit": ["100"], "offset": [str(offset)]}
    reply = dex(Request("GET", PATH, query, {"X-Hasura-Dex-Api-Key": key}, b""))
    return reply.status, json.loads(reply.body)


def test_dex_pages_in_changing_shapes_with_fields_that_are_not_used() -> None:
    dex = FakeDex([{"id": number} for number in range(250)], key="k")
    first, second, third = (ask(dex, offset=offset)[1] for offset in (0, 100, 200))
    assert [len(first), len(second["contacts"]), len(third["data"])] == [100, 100, 50]
    assert first[0] == {
        "id": 0,
        "birthday": None,
        "starred": False,
        "tags": [{"name": "friends"}],
        "website": None,
    }


def test_dex_demands_its_key_and_answers_429_while_it_is_busy() -> None:
    dex = FakeDex([], key="k", busy=1, retry_after="7")
    assert ask(dex, key="other")[0] == 401
    reply = dex(Request("GET", PATH, {}, {"X-Hasura-Dex-Api-Key": "k"}, b""))
    assert (reply.status, reply.headers) == (429, {"Retry-After": "7"})
    assert ask(dex)[0] == 200


def test_the_account_serves_its_dex_and_what_is_kept_contacts_by_hand(demo: DemoAccount) -> None:
    answer = requests.get(demo.beeper_url + PATH, headers={"x-hasura-dex-api-key": DEMO_KEY}, timeout=60)
    assert answer.status_code == 200
    control = {"Authorization": f"Bearer {demo.control_token}"}
    by_hand = requests.get(f"{demo.beeper_url}/_demo/contacts", headers=control, timeout=60).json()
    assert by_hand == contacts_by_hand(demo.account)


@pytest.fixture(scope="module")
def pictures(full_account: Account) -> list[str]:
    in_dex: list[Any] = [*contacts_in_dex(full_account)]
    by_hand: dict[str, Any] = contacts_by_hand(full_account)
    return [contact["image_url"] for contact in in_dex] + [
        contact["imageUrl"] for contact in by_hand.values()
    ]


def test_a_dozen_contacts_each_have_a_different_picture(pictures: list[str]) -> None:
    assert len(pictures) >= 12
    assert len({image_key(url) for url in pictures}) == len(pictures)


def test_contacts_are_of_people_without_a_picture_only(full_account: Account) -> None:
    with_picture = {person.id for chat in full_account.chats for person in chat.people if person.picture}
    by_hand: dict[str, Any] = contacts_by_hand(full_account)
    linked = {person_id for contact in by_hand.values() for person_id in contact["participantIds"]}
    assert linked
    assert not linked & with_picture


def test_every_start_has_the_same_contacts(full_account: Account) -> None:
    again = Account()
    assert (contacts_in_dex(again), contacts_by_hand(again)) == (
        contacts_in_dex(full_account),
        contacts_by_hand(full_account),
    )
