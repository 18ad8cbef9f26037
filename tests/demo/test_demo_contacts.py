"""Promises about the demo account's contacts: a Dex as it is, and faces for people who show none."""

import json
from typing import Any

import pytest
import requests

from demo.account import Account
from demo.address_book import by_hand, in_dex
from demo.dex import DEMO_KEY, PATH, FakeDex
from demo.listener import Request
from demo.service import DemoAccount
from imagecache.rules.source_urls import image_key


def ask(dex: FakeDex, *, offset: int = 0, key: str = "k") -> tuple[int, Any]:
    query = {"limit": ["100"], "offset": [str(offset)]}
    reply = dex(Request("GET", PATH, query, {"X-Hasura-Dex-Api-Key": key}, b""))
    return reply.status, json.loads(reply.body)


def test_dex_pages_in_changing_shapes_with_fields_that_nobody_knows() -> None:
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


def test_dex_wants_its_key_and_puts_off_who_comes_too_fast() -> None:
    dex = FakeDex([], key="k", busy=1, retry_after="7")
    assert ask(dex, key="other")[0] == 401
    reply = dex(Request("GET", PATH, {}, {"X-Hasura-Dex-Api-Key": "k"}, b""))
    assert (reply.status, reply.headers) == (429, {"Retry-After": "7"})
    assert ask(dex)[0] == 200


def test_the_account_serves_its_dex_and_what_is_kept_by_hand(demo: DemoAccount) -> None:
    answer = requests.get(demo.beeper_url + PATH, headers={"x-hasura-dex-api-key": DEMO_KEY}, timeout=5)
    assert answer.status_code == 200
    kept = requests.get(f"{demo.beeper_url}/_demo/contacts", timeout=5).json()
    assert kept == by_hand(demo.account)


@pytest.fixture(scope="module")
def pictures(full_account: Account) -> list[str]:
    contacts: list[Any] = [*in_dex(full_account)]
    kept: dict[str, Any] = by_hand(full_account)
    return [one["image_url"] for one in contacts] + [one["imageUrl"] for one in kept.values()]


def test_a_dozen_people_have_each_a_face_of_their_own(pictures: list[str]) -> None:
    assert len(pictures) >= 12
    assert len({image_key(url) for url in pictures}) == len(pictures)


def test_contacts_stand_only_for_people_without_a_picture(full_account: Account) -> None:
    pictured = {person.id for chat in full_account.chats for person in chat.people if person.picture}
    kept: dict[str, Any] = by_hand(full_account)
    linked = {one for contact in kept.values() for one in contact["participantIds"]}
    assert linked
    assert not linked & pictured


def test_every_start_has_the_same_contacts(full_account: Account) -> None:
    again = Account()
    assert (in_dex(again), by_hand(again)) == (in_dex(full_account), by_hand(full_account))
