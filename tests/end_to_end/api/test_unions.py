"""A union that forms, grows and dissolves in Beeper does so on the page, on a running stack."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.end_to_end.api.conftest import Running
from tests.end_to_end.conftest import wait_until

pytestmark = pytest.mark.engine

UNION = "!union-of-this-test:beeper.com"


def test_a_union_is_listed_instead_of_its_chats_while_it_forms_grows_and_dissolves(running: Running) -> None:
    api, account = running.api, running.demo.account
    before = listed(running)
    first, second, third = chats_with_a_picture(running)[:3]

    account.merge_chats(UNION, [first, second])
    account.receive_message(UNION, "formed")
    assert api.sync()["result"]["missing"] == 0
    assert listed(running) == before - {first, second} | {UNION}
    union = shown(running, UNION)
    assert (union["lastMessage"], union["network"]) == ("formed", "Beeper (Matrix)")
    assert union["participantCount"] == len(people(running, UNION))
    assert api.get(f"/api/chat?chatId={quote(first, safe='')}")["chat"]["mergedInto"] == UNION
    wait_until(lambda: is_cached(running, UNION), what="the union's face")

    account.merge_chats(UNION, [first, second, third])
    account.receive_message(UNION, "grown")
    result = api.sync()["result"]
    assert (result["missing"], result["deleted"], result["refused"]) == (0, 0, 0)
    assert listed(running) == before - {first, second, third} | {UNION}
    assert len(people(running, UNION)) == shown(running, UNION)["participantCount"]

    account.remove_chat(UNION)
    result = api.sync()["result"]
    assert (result["missing"], result["deleted"], result["refused"]) == (0, 1, 0)
    assert listed(running) == before
    assert api.get(f"/api/chat?chatId={quote(first, safe='')}")["chat"].get("mergedInto") is None
    assert all(is_cached(running, chat_id) for chat_id in (first, second, third))


def listed(running: Running) -> set[str]:
    """Returns the ids of all chats that the page can list."""
    return {chat["chatId"] for page in running.api.pages("/api/chats?filter=all") for chat in page["chats"]}


def shown(running: Running, chat_id: str) -> dict[str, Any]:
    """Returns a chat of the inbox."""
    chats = running.api.get("/api/chats")["chats"]
    return next(chat for chat in chats if chat["chatId"] == chat_id)


def people(running: Running, chat_id: str) -> set[str]:
    """Returns the ids of all people of a chat, as Beeper has them."""
    chat = running.demo.account.find_chat(chat_id)
    assert chat
    return {person.id for person in chat.people}


def is_cached(running: Running, chat_id: str) -> bool:
    """Returns whether the picture of a chat of the inbox is cached."""
    return bool(shown(running, chat_id)["image"]["status"] == "cached")


def chats_with_a_picture(running: Running) -> list[str]:
    """Returns the ids of chats of the inbox with one other person, whose picture is cached."""
    return [
        chat["chatId"]
        for chat in running.api.get("/api/chats")["chats"]
        if (chat["type"], chat["image"]["status"], chat["participantCount"]) == ("single", "cached", 2)
    ]
