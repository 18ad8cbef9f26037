"""Listings continue where they stopped: every match once, no page short, in a bounded number of requests."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from imagecache.model.access import Role
from imagecache.model.chat import Chat, Participant
from imagecache.model.image import ImageRef
from tests.integration.api import Api
from tests.integration.conftest import NOW, Stack
from tests.integration.made import ADA, CHAT, ME, cache, fail, person, put, put_chat, request


def made(stack: Stack, count: int, **fields: Any) -> list[Chat]:
    """Stores chats, newest first, with flags that each of the filters needs."""
    chats = [
        replace(
            CHAT,
            chat_id=f"!{number}",
            last_activity=NOW - number // 2,  # two of each moment
            type="group" if number % 3 == 0 else "single",
            title=f"Chat {number}",
            is_archived=number % 5 == 0,
            unread_count=int(number % 7 == 0),
            is_marked_unread=number % 14 == 1,
            is_low_priority=number % 10 == 2,
            is_pinned=number % 11 == 0,
            account_id="signal" if number % 2 else "whatsapp",
            **fields,
        )
        for number in range(count)
    ]
    for chat in chats:
        stack_chat(stack, chat)
    return chats


def stack_chat(stack: Stack, chat: Chat) -> None:
    """Stores a chat without members."""
    put_chat(stack, replace(chat, participants=()))


def pages(api: Api, **query: str) -> Iterator[list[dict[str, Any]]]:
    cursor: dict[str, str] = {}
    while True:
        answer = api.get("/api/chats", **query, **cursor)
        yield answer["chats"]
        if answer["nextCursor"] is None:
            return
        cursor = {"cursor": answer["nextCursor"]}


@pytest.fixture
def api(stack: Stack) -> Api:
    return Api(stack)


def is_in_inbox(chat: Chat) -> bool:
    return not chat.is_archived and not chat.is_low_priority


WANTED: dict[str, Callable[[Chat], bool]] = {
    "inbox": is_in_inbox,
    "low-priority": lambda chat: not chat.is_archived and chat.is_low_priority,
    "archived": lambda chat: chat.is_archived,
    "all": lambda _: True,
    "unread": lambda chat: is_in_inbox(chat) and (chat.unread_count > 0 or chat.is_marked_unread),
    "groups": lambda chat: is_in_inbox(chat) and chat.type == "group",
    "pinned": lambda chat: is_in_inbox(chat) and chat.is_pinned,
}


@pytest.mark.parametrize("chosen", WANTED)
def test_each_filter_lists_every_match_once_newest_first_in_full_pages(
    stack: Stack, api: Api, chosen: str
) -> None:
    expected = {chat.chat_id for chat in made(stack, 60) if WANTED[chosen](chat)}
    for account, limit in (("", 7), ("signal", 4)):
        query = {"filter": chosen, "limit": str(limit), "accountId": account}
        found = list(pages(api, **query))
        assert all(len(page) == limit for page in found[:-1])
        chats = [chat for page in found for chat in page]
        moments = [chat["lastActivity"] for chat in chats]
        assert moments == sorted(moments, reverse=True)
        of_account = {chat["chatId"] for chat in chats if chat["accountId"] == (account or chat["accountId"])}
        assert Counter(chat["chatId"] for chat in chats) == Counter(of_account)
        if not account:
            assert of_account == expected


def test_a_title_is_searched_for_whatever_the_case_and_the_accents_page_by_page(stack: Stack) -> None:
    api = api_with(stack, chats_per_query=5)
    made(stack, 60)
    stack_chat(stack, replace(CHAT, chat_id="!old", title="Café Émile", last_activity=NOW - 200))
    put(stack, replace(CHAT, chat_id="!untitled", last_activity=NOW - 300))
    titles = [chat["title"] for page in pages(api, title="chat 1", limit="3") for chat in page]
    # Of 1 and 10 to 19, some are archived or of low priority.
    assert sorted(titles) == [f"Chat {number}" for number in (1, 11, 13, 14, 16, 17, 18, 19)]
    for wanted, found in (("cafe emi", "!old"), ("LOVE", "!untitled")):
        assert [chat["chatId"] for page in pages(api, title=wanted) for chat in page] == [found]


def test_a_chat_that_does_not_move_is_shown_once_while_others_do(stack: Stack, api: Api) -> None:
    chats = made(stack, 40)
    seen: Counter[str] = Counter()
    for number, page in enumerate(pages(api, filter="all", limit="5")):
        seen.update(chat["chatId"] for chat in page)
        moving = chats[39 - number]  # from far below to the top
        stack_chat(stack, replace(moving, last_activity=NOW + 1000 + number))
    still = {chat.chat_id for chat in chats[:30]}
    assert {chat_id: seen[chat_id] for chat_id in still} == dict.fromkeys(still, 1)
    assert max(seen.values()) == 1


def api_with(stack: Stack, *, chats_per_query: int) -> Api:
    """Returns the API with Queries so small that a page needs several of them."""
    stack.wiring.chat_listing = replace(
        stack.wiring.chat_listing, chats_per_query=chats_per_query, chats_per_search=chats_per_query
    )
    return Api(stack)


def test_a_filter_that_matches_nothing_ends_after_bounded_work_with_a_cursor(stack: Stack) -> None:
    api = api_with(stack, chats_per_query=5)
    made(stack, 60)
    stack.calls.clear()
    first = api.get("/api/chats", accountId="telegram")
    assert (first["chats"], stack.calls) == ([], ["Query"] * 8)
    assert first["nextCursor"] is not None
    rest = api.get("/api/chats", accountId="telegram", cursor=first["nextCursor"])
    assert rest == {"chats": [], "nextCursor": None}


def test_what_a_bounded_search_has_not_seen_yet_is_not_overtaken(stack: Stack) -> None:
    """The match in the archive is found at once, the newer one in the inbox only by the second request."""
    api = api_with(stack, chats_per_query=2)
    for number in range(20):
        stack_chat(stack, replace(CHAT, chat_id=f"!{number}", account_id="x", last_activity=NOW - number))
    stack_chat(stack, replace(CHAT, chat_id="!newer", last_activity=NOW - 100))
    stack_chat(stack, replace(CHAT, chat_id="!older", last_activity=NOW - 200, is_archived=True))
    found = list(pages(api, filter="all", accountId="whatsapp"))
    assert [[chat["chatId"] for chat in page] for page in found] == [[], ["!newer", "!older"]]


@pytest.mark.parametrize("chosen", [*WANTED])
def test_a_cursor_is_valid_for_its_own_listing_only(stack: Stack, api: Api, chosen: str) -> None:
    made(stack, 30)
    cursor = api.get("/api/chats", filter="all", limit="2")["nextCursor"]
    status, answer = api.ask("GET /api/chats", query={"filter": chosen, "cursor": cursor})
    assert (status, answer.get("code")) == ((200, None) if chosen == "all" else (400, "bad_request"))


def test_a_page_takes_one_query_and_one_look_up(stack: Stack, api: Api) -> None:
    for number in range(20):
        put(stack, replace(CHAT, chat_id=f"!{number}", image=ImageRef(f"s/{number}")))
    stack.calls.clear()
    assert len(api.get("/api/chats", participants="20")["chats"]) == 20
    assert stack.calls == ["Query", "BatchGetItem"]


GROUP = replace(CHAT, type="group", title="Engines", image=ImageRef("s/own"))
FOUR = [person(f"{name} X", f"s/{name}") for name in ("bea", "cem", "dot", "eve", "fay")]
BOT = person("Meta AI", "s/bot", is_bot=True)
NOBODY = person("Nobody")


def faces(api: Api) -> list[tuple[str, str]]:
    [chat] = api.get("/api/chats", participants="0")["chats"]
    return [(face["status"], face.get("url") or face["initials"]) for face in chat.get("facepile", [])]


def test_a_group_without_a_picture_shows_up_to_four_of_its_people(stack: Stack, api: Api) -> None:
    put(stack, replace(GROUP, participants=(replace(ME, image=ImageRef("s/me")), BOT, NOBODY, *FOUR)))
    for key in ("s/me", "s/bot", "s/cem", "s/eve"):
        cache(stack, key, key[2:])
    fail(stack, "s/dot")
    stack.cached_images.mark_queued(request("s/bea"))
    assert faces(api) == [
        ("cached", "/images/cem/192.webp"),
        ("cached", "/images/eve/192.webp"),
        ("pending", "BX"),
    ]


def test_a_group_with_a_picture_of_its_own_shows_that_alone(stack: Stack, api: Api) -> None:
    put(stack, replace(GROUP, participants=(ME, *FOUR)))
    cache(stack, "s/own", "own")
    cache(stack, "s/bea", "bea")
    assert faces(api) == []
    assert api.get("/api/chats")["chats"][0]["image"]["source"] == "chat"


def test_a_chat_of_one_person_has_no_facepile(stack: Stack, api: Api) -> None:
    put(stack, CHAT)
    cache(stack, "s/ada", "ada")
    assert faces(api) == []


def test_a_forgotten_picture_is_not_shown(stack: Stack, api: Api) -> None:
    put(stack, CHAT)
    cache(stack, "s/ada", "ada")
    stack.cached_images.forget("s/ada")
    image = api.get("/api/chats")["chats"][0]["image"]
    assert image == {"status": "none", "initials": "AL"}


def test_urls_are_absolute_if_the_page_has_another_address(stack: Stack) -> None:
    put(stack, CHAT)
    cache(stack, "s/ada", "ada")
    page = Api(stack, base_url="https://images.example").get("/api/chats")
    assert page["chats"][0]["image"]["url"] == "https://images.example/images/ada/192.webp"


def test_a_chat_comes_with_its_full_roster_page_by_page(stack: Stack, api: Api) -> None:
    people = [person(f"P{number:03} X", f"s/{number}") for number in range(230)]
    own = person("Own", "s/own")
    put(stack, replace(GROUP, participants=(ME, *people), participant_count=231))
    stack.participants_table.put("!ada", [replace(own, participant_id="#chat")], fence=1)
    cache(stack, "s/own", "own")
    cache(stack, "s/7", "seven")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    sizes = []
    while True:
        page = api.get("/api/chat", chatId="!ada", **cursor)
        assert page["chat"]["image"]["url"] == "/images/own/192.webp"
        sizes.append(len(page["participants"]))
        seen += [one["participantId"] for one in page["participants"]]
        if page["nextParticipantsCursor"] is None:
            break
        cursor = {"participantsCursor": page["nextParticipantsCursor"]}
    assert sizes == [100, 100, 31]
    assert Counter(seen) == Counter({one.participant_id for one in (ME, *people)})
    assert "#chat" not in seen


def test_a_member_is_shown_with_their_picture(stack: Stack, api: Api) -> None:
    put(stack, CHAT)
    cache(stack, "s/ada", "ada")
    [ada, me] = api.get("/api/chat", chatId="!ada")["participants"]
    assert (ada["fullName"], ada["image"]["url"]) == ("Ada Lovelace", "/images/ada/192.webp")
    assert (me["isSelf"], me["image"]["status"]) == (True, "none")


def test_a_chat_says_that_it_is_of_low_priority_and_marked_as_unread(stack: Stack, api: Api) -> None:
    put(stack, replace(CHAT, is_low_priority=True, is_marked_unread=True))
    [chat] = api.get("/api/chats", filter="low-priority")["chats"]
    assert (chat["isLowPriority"], chat["isMarkedUnread"], chat.get("unreadCount")) == (True, True, None)


@pytest.mark.parametrize(
    ("members", "total", "has_more"),
    [
        pytest.param((ADA,), 2, False, id="oneself is not listed"),
        pytest.param((ME, ADA), 3, True, id="another is not stored"),
        pytest.param((), 1, True, id="nobody is stored"),
        pytest.param(tuple(person(f"P{number} X") for number in range(20)), 21, True, id="a full preview"),
    ],
)
def test_a_chat_has_no_more_participants_if_only_oneself_is_not_listed(
    stack: Stack, api: Api, members: tuple[Participant, ...], total: int, has_more: bool
) -> None:
    put(stack, replace(CHAT, participants=members, participant_count=total))
    [chat] = api.get("/api/chats", participants="20")["chats"]
    assert (chat["participantCount"], chat.get("hasMoreParticipants", False)) == (total, has_more)


def test_an_unknown_chat_is_404(api: Api) -> None:
    assert api.ask("GET /api/chat", query={"chatId": "!nobody"}, role=Role.READ)[0] == 404


def test_a_roster_cursor_of_another_chat_is_a_bad_request(stack: Stack, api: Api) -> None:
    people = tuple(person(f"P{number} X") for number in range(130))
    for chat_id in ("!a", "!b"):
        put(stack, replace(GROUP, chat_id=chat_id, participants=people))
    cursor = api.get("/api/chat", chatId="!a")["nextParticipantsCursor"]
    query = {"chatId": "!b", "participantsCursor": cursor}
    assert api.ask("GET /api/chat", query=query)[0] == 400
