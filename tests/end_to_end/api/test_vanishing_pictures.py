"""WhatsApp moves people to other ids while the stack runs, and no face is lost.

Its chats are others afterwards, so this file must come after those that count chats.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.api.conftest import Running

pytestmark = pytest.mark.engine

MEMBERS = "/api/chats?filter=all&limit=100&participants=20&participantFields=all"


def faces(running: Running) -> dict[tuple[str, str | None], str]:
    """Returns the picture of each member who shows one, by the titles of the chats and the full names."""
    return {
        (chat["title"], member.get("fullName")): member["image"]["url"] for chat, member in pictured(running)
    }


def pictured(running: Running) -> Iterator[tuple[Any, Any]]:
    for page in running.api.pages(MEMBERS):
        for chat in page["chats"]:
            for member in chat.get("participants", []):
                if member["image"]["status"] == "cached" and "isSelf" not in member:
                    yield chat, member


def test_an_id_switch_loses_no_face(running: Running) -> None:
    account = running.demo.account
    before = faces(running)
    account.move_people_to_other_ids()
    assert running.api.sync()["result"]["outcome"] == "ok"
    account.reveal_phone_numbers()
    for _ in range(3):  # the chats with other ids are missing twice, and then deleted
        assert running.api.sync()["result"]["outcome"] == "ok"
    assert running.api.job("/api/cleanup")["status"] == "done"
    assert faces(running) == before
    former = [(chat, member) for chat, member in pictured(running) if member["image"]["source"] == "former"]
    assert len(former) > 10

    chat, member = former[0]
    query = {"chatId": chat["chatId"], "participantId": member["participantId"]}
    answer = running.api.ask("POST", "/api/people/pictures/choose", {**query, "sourceUrl": "mxc://a/b"})
    assert answer.status == 404
