"""Validates every answer of the demo account, and every recorded answer, with the types of Beeper's SDK.

The SDK itself accepts any answer, because it constructs its objects without validation. Here, pydantic
validates them, with the values of enumerations. It makes the conversions that JSON needs, such as a text that
is a date.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from beeper_desktop_api.pagination import SyncCursorNoLimit, SyncCursorSearch
from beeper_desktop_api.types import (
    Account,
    AccountListResponse,
    Chat,
    ChatListResponse,
    InfoRetrieveResponse,
)
from beeper_desktop_api.types.chat import ParticipantsItem
from beeper_desktop_api.types.shared import APIError, Message, User
from pydantic import BaseModel, TypeAdapter, ValidationError

from demo.logins import LoginStatus
from demo.service import DemoAccount
from tests.demo.clients import Client
from tests.recorded_answers import FOLDER, recorded

Json = dict[str, Any]
ChatsPage = SyncCursorNoLimit[ChatListResponse]
ContactsPage = SyncCursorSearch[User]


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def differences(kind: Any, answer: object, *, strict: bool = False) -> set[str]:
    """Returns the names of the fields of an answer that are not valid, with pydantic's name of the error."""
    try:
        _adapter(kind).validate_json(json.dumps(answer), strict=strict)
    except ValidationError as error:
        return {f"{_field(problem['loc'])}: {problem['type']}" for problem in error.errors()}
    return set()


def _field(path: tuple[int | str, ...]) -> str:
    """Returns the path of a field without the numbers of items."""
    return ".".join(part for part in path if isinstance(part, str))


@pytest.fixture(scope="module")
def whole() -> Iterator[DemoAccount]:
    with DemoAccount() as running:
        yield running


@pytest.fixture(scope="module")
def client(whole: DemoAccount) -> Client:
    return Client(whole.beeper_url, whole.beeper_token, whole.control_token)


@pytest.fixture(scope="module")
def pages(client: Client) -> list[Json]:
    """The whole list of chats."""
    answers = [client.get("/v1/chats", limit=200).json()]
    while answers[-1]["hasMore"]:
        answers.append(client.get("/v1/chats", limit=200, cursor=answers[-1]["oldestCursor"]).json())
    return answers


@pytest.fixture(scope="module")
def listed(pages: list[Json]) -> list[Json]:
    return [item for page in pages for item in page["items"]]


@pytest.fixture(scope="module")
def single(client: Client, listed: list[Json]) -> list[Json]:
    """The answers for chats of every kind, among them the members of unions, with whole rosters."""
    members = [chat_id for chat in listed if "merge" in chat for chat_id in chat["merge"]["chatIDs"]]
    some = [chat["id"] for chat in listed[::9]]
    return [
        client.get(f"/v1/chats/{quote(chat_id, safe='')}", maxParticipantCount=-1).json()
        for chat_id in (*members, *some)
    ]


@pytest.fixture(scope="module")
def contacts(client: Client) -> list[Json]:
    ids = [account["accountID"] for account in client.get("/v1/accounts").json()]
    return [client.get(f"/v1/accounts/{account_id}/contacts/list", limit=200).json() for account_id in ids]


def test_pages_of_the_list_are_valid(pages: list[Json]) -> None:
    assert [differences(ChatsPage, page) for page in pages] == [set()] * len(pages)


def test_single_chats_and_members_of_unions_are_valid(single: list[Json]) -> None:
    assert any("mergedIntoChatID" in chat for chat in single)
    assert [differences(Chat, chat) for chat in single] == [set()] * len(single)


def test_accounts_are_valid_in_every_state(whole: DemoAccount, client: Client) -> None:
    for status in (*LoginStatus, LoginStatus.CONNECTED):
        whole.account.set_login_status("discordgo", status)
        assert differences(AccountListResponse, client.get("/v1/accounts").json()) == set()


def test_contacts_are_valid(contacts: list[Json]) -> None:
    assert len(contacts) == 6
    assert [differences(ContactsPage, page) for page in contacts] == [set()] * 6


def test_info_is_valid(client: Client) -> None:
    assert differences(InfoRetrieveResponse, client.get("/v1/info").json()) == set()


@pytest.mark.parametrize(
    ("path", "parameters", "status"),
    [
        ("/v1/chats", {"limit": 0}, 400),
        ("/v1/assets/serve", {"url": "file:///etc/passwd"}, 403),
        ("/v1/chats/nobody", {}, 404),
        ("/v1/assets/serve", {"url": "mxc://beeper.com/never-seen"}, 502),
    ],
)
def test_errors_are_valid(client: Client, path: str, parameters: Json, status: int) -> None:
    answer = client.get(path, **parameters)
    assert answer.status_code == status
    assert differences(APIError, answer.json()) == set()


def test_the_refusal_of_a_token_is_valid_and_the_one_of_beeper(whole: DemoAccount) -> None:
    answer = Client(whole.beeper_url, "wrong").get("/v1/chats")
    assert differences(APIError, answer.json()) == set()
    assert answer.json() == {"message": "Unauthorized: Invalid or missing token", "code": "unauthorized"}


def test_strictly_only_the_quirks_are_not_valid(listed: list[Json], single: list[Json]) -> None:
    """A few chats imitate servers that send numbers as texts and dates as numbers."""
    found = [differences(ChatListResponse, chat, strict=True) for chat in (*listed, *single)]
    assert set().union(*found) == {"unreadCount: int_type", "lastActivity: datetime_type"}
    assert sum(map(bool, found)) <= len(found) * 0.1


def test_no_field_is_unknown_to_the_sdk_but_the_quirk(
    listed: list[Json], single: list[Json], contacts: list[Json]
) -> None:
    assert _names_beyond(ChatListResponse, listed + single) == {"glow"}
    previews = [chat["preview"] for chat in listed if "preview" in chat]
    assert _names_beyond(Message, previews) == set()
    people = [person for chat in listed + single for person in chat["participants"]["items"]]
    assert _names_beyond(ParticipantsItem, people) == set()
    assert _names_beyond(User, [person for page in contacts for person in page["items"]]) == set()


def _aliases(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def _names_beyond(model: type[BaseModel], documents: list[Json]) -> set[str]:
    return {name for document in documents for name in document} - _aliases(model)


def _sent(documents: list[Json]) -> set[str]:
    """Returns the names of the fields that at least one document has with a value."""
    return {name for document in documents for name, value in document.items() if value is not None}


def test_the_demo_account_sends_every_field_of_chats_people_and_messages(
    listed: list[Json], single: list[Json], contacts: list[Json]
) -> None:
    people = [person for chat in listed for person in chat["participants"]["items"]]
    people += [person for page in contacts for person in page["items"]]
    previews = [chat["preview"] for chat in listed if "preview" in chat]
    for model, documents in ((Chat, listed + single), (ParticipantsItem, people), (Message, previews)):
        missing = _aliases(model) - _sent(documents)
        assert len(missing) <= 0.1 * len(_aliases(model)), (model, missing)
        assert missing == set(), "all of them at this time"


def test_an_old_server_lacks_only_what_is_new() -> None:
    with DemoAccount(scale=0.1, is_old=True) as old:
        client = Client(old.beeper_url, old.beeper_token)
        page = client.get("/v1/chats").json()
        accounts = client.get("/v1/accounts").json()
    assert differences(ChatsPage, page) == {"items.network: missing"}
    assert differences(list[Account], accounts) == {"bridge: missing", "status: missing"}


RECORDED: Mapping[str, tuple[Any, set[str]]] = {
    "chat_after_beeper_has_the_picture": (Chat, set()),
    "chat_before_beeper_has_the_picture": (Chat, set()),
    "error_inside_beeper": (APIError, set()),
    # The first version of the API had errors of another form.
    "error_of_v0": (APIError, {"code: missing", "message: missing"}),
    "error_of_v1": (APIError, set()),
    "group_of_552_excerpt": (Chat, set()),
    "list_of_a_new_server": (ChatsPage, set()),
    # Servers send the network since 4.2.808.
    "list_of_an_old_server": (ChatsPage, {"items.network: missing"}),
    # Documents disagree on whether ids and cursors are numbers or texts.
    "list_with_epochs_and_texts": (
        ChatsPage,
        {
            "newestCursor: string_type",
            "oldestCursor: string_type",
            "items.id: string_type",
            "items.network: missing",
            "items.participants.items.id: string_type",
            "items.title: string_type",
        },
    ),
    # No server has sent all of this, but a parser must not fail on any of it.
    "list_with_nulls_and_unknowns": (
        ChatsPage,
        {
            "items: model_type",
            "items.accountID: missing",
            "items.accountID: string_type",
            "items.id: missing",
            "items.lastActivity: datetime_from_date_parsing",
            "items.network: missing",
            "items.network: string_type",
            "items.participants: missing",
            "items.participants: model_type",
            "items.participants.hasMore: bool_type",
            "items.participants.items: model_type",
            "items.participants.items.id: missing",
            "items.participants.total: int_type",
            "items.title: missing",
            "items.title: string_type",
            "items.type: literal_error",
            "items.type: missing",
            "items.unreadCount: int_parsing",
            "items.unreadCount: int_type",
            "items.unreadCount: missing",
        },
    ),
}
"""The type of each recorded answer, and how it differs from the contract of today."""


def test_every_recorded_answer_is_checked() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == RECORDED.keys()


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_answers_differ_from_the_contract_only_as_listed(name: str) -> None:
    kind, known = RECORDED[name]
    assert differences(kind, recorded(name)) == known
