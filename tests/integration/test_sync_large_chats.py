"""Chats whose fields are as long as Beeper may send them are stored. One that cannot be delays no other."""

from dataclasses import replace
from typing import Any

import pytest

from imagecache.aws_errors import aws_errors_translated
from imagecache.errors import ItemRefusedError, StoreUnavailableError
from imagecache.model.chat import Chat, Folder
from imagecache.model.image import RejectionReason
from imagecache.sources.beeper.chats import ChatPage, parse_chat
from tests.integration.conftest import NOW, Stack
from tests.integration.sync_results import sync_with

LONG = "\N{GRINNING FACE}" * 1000
PEOPLE = [
    {
        "id": f"@{number:03}".ljust(1024, "x"),
        "fullName": LONG,
        "username": LONG,
        "imgURL": f"mxc://{'s' * 200}/{number}".ljust(1900, "k"),
    }
    for number in range(20)
]
LARGE = {
    "id": "!large",
    "title": LONG,
    "description": LONG,
    "imgURL": "data:,".ljust(64 * 1024, "a"),
    "lastActivity": NOW,
    "merge": {"chatIDs": [f"!{number:04}".ljust(1024, "y") for number in range(100)]},
    "preview": {"type": "TEXT", "text": LONG},
    "participants": {"items": PEOPLE, "hasMore": False, "total": 20},
}
SMALL = {"id": "!small", "lastActivity": NOW - 1, "participants": {"items": PEOPLE[:1], "hasMore": False}}


class Beeper:
    """Lists these chats on one page."""

    def __init__(self, *chats: Chat) -> None:
        self._chats = list(chats)

    def begin_page(self) -> None:
        """Slow answers are not counted."""

    def page(self, _cursor: str | None) -> ChatPage:
        return ChatPage(self._chats, [], None)

    def look_up(self, chat_id: str) -> Chat | None:
        """Returns a chat that is merged into the large one, as Beeper answers for its members."""
        return parse_chat({**SMALL, "id": chat_id, "mergedIntoChatID": "!large"})

    def get(self, _path: str, _parameters: Any) -> tuple[int, list[Any]]:
        """Answers requests for accounts, of which there are none."""
        return 200, []


def listing(*chats: Chat) -> Any:
    """Returns an API that lists these chats."""
    return Beeper(*chats)


def shown(stack: Stack) -> dict[str, Chat]:
    page = stack.chats_table.newest(Folder.INBOX, limit=100, after=None)
    return {chat.chat_id: chat for chat in page.chats}


def test_a_chat_with_the_longest_fields_is_stored_with_its_whole_roster(stack: Stack) -> None:
    api: Any = Beeper(parse_chat(LARGE), parse_chat(SMALL))
    report = sync_with(stack, api)
    assert (report.outcome, report.skipped) == ("ok", [])
    assert shown(stack).keys() == {"!large", "!small"}
    assert 0 < len(shown(stack)["!large"].participants) < 20
    assert len(stack.participants_table.roster("!large")) == 21
    assert sync_with(stack, api).changed == 0


def test_a_chat_that_dynamodb_refuses_is_reported_and_delays_no_other(stack: Stack) -> None:
    refused = replace(parse_chat(LARGE), chat_id="!refused", title="t" * 500_000)
    api: Any = Beeper(refused, parse_chat(SMALL))
    report = sync_with(stack, api)
    assert (report.outcome, report.skipped, list(shown(stack))) == ("ok", ["!refused"], ["!small"])


def test_the_members_of_a_union_that_dynamodb_refuses_stay_in_the_list(stack: Stack) -> None:
    union = replace(parse_chat({**LARGE, "merge": {"chatIDs": ["!small"]}}), title="t" * 500_000)
    sync_with(stack, listing(parse_chat(SMALL)))
    for is_complete in (False, True, True):
        report = sync_with(stack, listing(union), complete=is_complete)
        assert (report.skipped, list(shown(stack))) == (["!large"], ["!small"])


@pytest.mark.parametrize(
    ("item", "is_refused"),
    [
        ({"chatId": {"S": "!a"}, "title": {"S": "t" * 410_000}}, True),
        ({"chatId": {"S": ""}}, True),
        ({"chatId": {"S": "a" * 2049}}, True),
        ({"wrongKey": {"S": "!a"}}, False),
    ],
    ids=["too large", "empty key", "long key", "request that is wrong for every item"],
)
def test_only_an_item_that_cannot_be_stored_is_refused(stack: Stack, item: Any, is_refused: bool) -> None:
    with (
        pytest.raises(StoreUnavailableError, match=r"^ValidationException$") as raised,
        aws_errors_translated(),
    ):
        stack.dynamodb.put_item(TableName="BeeperChatsTable", Item=item)
    assert isinstance(raised.value, ItemRefusedError) is is_refused


def test_a_url_of_more_than_64_kb_is_rejected_however_few_characters_it_has() -> None:
    picture = parse_chat({"id": "!a", "imgURL": "mxc://s/id?" + "\N{GRINNING FACE}" * 20_000}).image
    assert picture is not None
    assert picture.rejected is RejectionReason.TOO_LONG
