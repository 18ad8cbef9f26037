"""The chat API, over real sockets."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from demo.people import SIGNAL, invent_person
from demo.service import DemoAccount
from tests.demo.clients import Client


def _walk(beeper: Client, **parameters: Any) -> list[dict[str, Any]]:
    """Returns every page of the list, newest first."""
    pages = [beeper.get("/v1/chats", **parameters).json()]
    while pages[-1]["hasMore"]:
        pages.append(beeper.get("/v1/chats", cursor=pages[-1]["oldestCursor"], **parameters).json())
    return pages


def _ids(pages: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for page in pages for item in page["items"]]


def _largest_group(demo: DemoAccount) -> str:
    return max(demo.account.chats, key=lambda chat: len(chat.people)).id


def test_info_needs_no_token(beeper: Client) -> None:
    beeper.use_token("wrong")
    answer = beeper.get("/v1/info")
    assert answer.status_code == 200
    assert answer.headers["X-Beeper-Desktop-Version"] == answer.json()["app"]["version"]


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize("path", ["/v1/chats", "/v1/accounts", "/v1/assets/serve", "/v1/nothing"])
def test_every_answer_names_the_version(demo: DemoAccount, beeper: Client, path: str, is_old: bool) -> None:
    demo.chat_api.is_old = is_old
    version = beeper.get("/v1/info").json()["app"]["version"]
    answers = [beeper.get(path)]
    for mode in ("unauthorized", "rate_limited", "not_found", "conflict"):
        demo.faults.set(mode)
        answers.append(beeper.get(path))
    assert {answer.headers["X-Beeper-Desktop-Version"] for answer in answers} == {version}


@pytest.mark.parametrize("path", ["/v1/chats", "/v1/chats/1", "/v1/accounts", "/v1/assets/serve", "/v1/x"])
def test_everything_else_refuses_a_wrong_token(beeper: Client, path: str) -> None:
    beeper.use_token("wrong")
    answer = beeper.get(path)
    assert answer.status_code == 401
    assert answer.json() == {"message": "Unauthorized: Invalid or missing token", "code": "unauthorized"}


@pytest.mark.parametrize("limit", [1, 7, 25, 200])
def test_pages_show_every_chat_once_newest_first(demo: DemoAccount, beeper: Client, limit: int) -> None:
    pages = _walk(beeper, limit=limit)
    assert _ids(pages) == [chat.id for chat in demo.account.chats]
    assert all(len(page["items"]) <= limit for page in pages)


def test_pages_hold_25_chats_by_default(beeper: Client) -> None:
    assert len(beeper.get("/v1/chats").json()["items"]) == 25


def test_lists_show_at_most_20_participants(demo: DemoAccount, beeper: Client) -> None:
    for page in _walk(beeper, limit=200):
        for item in page["items"]:
            people = item["participants"]
            listed = people["total"] - (item["network"] == "Discord")
            assert len(people["items"]) == min(20, listed)
            assert people["hasMore"] == (listed > 20)
    assert max(len(chat.people) for chat in demo.account.chats) > 50


def test_an_old_server_ignores_limit_and_shows_five_participants(demo: DemoAccount, beeper: Client) -> None:
    demo.chat_api.is_old = True
    pages = _walk(beeper, limit=200)
    assert _ids(pages) == [chat.id for chat in demo.account.chats]
    for page in pages:
        assert len(page["items"]) <= 25
        assert all("network" not in item for item in page["items"])
        assert all(len(item["participants"]["items"]) <= 5 for item in page["items"])


@pytest.mark.parametrize("is_old", [False, True])
def test_walking_forward_shows_every_newer_chat_once(demo: DemoAccount, beeper: Client, is_old: bool) -> None:
    demo.chat_api.is_old = is_old
    oldest = _walk(beeper)[-1]["oldestCursor"]
    seen: list[str] = []
    page: dict[str, Any] = {"newestCursor": oldest, "hasMore": True}
    while page["hasMore"]:
        page = beeper.get("/v1/chats", cursor=page["newestCursor"], direction="after").json()
        seen = [item["id"] for item in page["items"]] + seen
    assert seen == [chat.id for chat in demo.account.chats][:-1]


def test_the_end_of_the_list_is_an_empty_page_without_cursors(beeper: Client) -> None:
    oldest = _walk(beeper)[-1]["oldestCursor"]
    page = beeper.get("/v1/chats", cursor=oldest).json()
    assert page == {"items": [], "hasMore": False, "newestCursor": None, "oldestCursor": None}


@pytest.mark.parametrize(
    "parameters", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"direction": "up"}, {"cursor": "nonsense"}]
)
def test_invalid_list_parameters_are_refused(beeper: Client, parameters: dict[str, Any]) -> None:
    answer = beeper.get("/v1/chats", **parameters)
    assert answer.status_code == 400
    assert answer.json()["code"] == "VALIDATION_ERROR"


def test_account_ids_narrow_the_list(beeper: Client) -> None:
    accounts = {"local-signal_ba_demo3", "imessage"}
    pages = _walk(beeper, accountIDs=sorted(accounts))
    assert {item["accountID"] for page in pages for item in page["items"]} == accounts


def test_every_chat_can_be_read_by_its_id_and_its_local_id(demo: DemoAccount, beeper: Client) -> None:
    for chat in demo.account.chats:
        for name in (chat.id, chat.local_id):
            assert beeper.get(f"/v1/chats/{quote(name, safe='')}").json()["id"] == chat.id


@pytest.mark.parametrize(
    ("asked", "shown"), [(0, 0), (3, 3), (500, 55), (-1, 55), ("501", None), ("-2", None)]
)
def test_max_participant_count_is_obeyed(
    demo: DemoAccount, beeper: Client, asked: int | str, shown: int | None
) -> None:
    path = f"/v1/chats/{quote(_largest_group(demo), safe='')}"
    answer = beeper.get(path, maxParticipantCount=asked)
    if shown is None:
        assert answer.status_code == 400
    else:
        people = answer.json()["participants"]
        assert (len(people["items"]), people["hasMore"], people["total"]) == (shown, shown < 55, 55)


def test_a_chat_shows_100_participants_by_default(demo: DemoAccount, beeper: Client) -> None:
    chat = demo.account.chats[0]
    crowd = tuple(invent_person(number, SIGNAL, None) for number in range(120))
    demo.account.add_chat(replace(chat, people=crowd))
    people = beeper.get(f"/v1/chats/{chat.local_id}").json()["participants"]
    assert (len(people["items"]), people["hasMore"], people["total"]) == (100, True, 120)


def test_an_old_server_refuses_to_show_all_participants(demo: DemoAccount, beeper: Client) -> None:
    demo.chat_api.is_old = True
    path = f"/v1/chats/{quote(_largest_group(demo), safe='')}"
    assert beeper.get(path, maxParticipantCount=-1).status_code == 400
    assert len(beeper.get(path, maxParticipantCount=500).json()["participants"]["items"]) == 55


def test_unknown_chats_and_paths_are_404(beeper: Client) -> None:
    for path in ("/v1/chats/nobody", "/v1/nothing"):
        assert beeper.get(path).status_code == 404
