"""A union is shown instead of its members, whenever they were stored, until Beeper lists them again.

The made-up Beeper answers as the parser reads it, without HTTP, so that each test says what is listed.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import pytest

from imagecache.errors import ListingError
from imagecache.model.chat import Chat, Folder
from imagecache.sources.beeper.chats import ChatPage, parse_chat, parse_page
from imagecache.stores.chats.chats import ChatsTable
from imagecache.usecases.sync.sync_run import SyncReport
from tests.integration.api import Api
from tests.integration.conftest import NOW, Stack
from tests.integration.sync_results import minutes

Json = dict[str, Any]
MINUTE = 60_000


def chat(name: str, *, minutes_ago: int = 10, **fields: Any) -> Json:
    """Returns a chat with one person, who has a picture."""
    people = [
        {"id": "@me", "fullName": "Me", "isSelf": True},
        {"id": f"@{name}", "fullName": "Ada", "imgURL": f"mxc://s/{name}"},
    ]
    return {
        "id": f"!{name}",
        "accountID": name,
        "title": "Ada",
        "type": "single",
        "lastActivity": NOW - minutes_ago * MINUTE,
        "participants": {"items": people, "hasMore": False, "total": 2},
        **fields,
    }


def union(*names: str, name: str = "union", minutes_ago: int = 1, **fields: Any) -> Json:
    """Returns the union of the chats with these names."""
    merge = {"chatIDs": [f"!{each}" for each in names], "defaultChatID": f"!{names[0]}"}
    return chat(name, minutes_ago=minutes_ago, merge=merge, **fields)


@dataclass
class Beeper:
    """Lists `listed`, one page after the other, and answers requests for these and for `others`.

    `requests` has the ids of all chats that were requested one by one.
    """

    listed: list[list[Json]] = field(default_factory=list)
    others: list[Json] = field(default_factory=list)
    without_answer: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)

    def begin_page(self) -> None:
        """Slow answers are not counted."""

    def page(self, cursor: str | None) -> ChatPage:
        number = int(cursor or 0)
        has_more = number + 1 < len(self.listed)
        return parse_page(
            {"items": self.listed[number], "hasMore": has_more, "oldestCursor": str(number + 1)}
        )

    def get(self, _path: str, _parameters: Any) -> tuple[int, list[Json]]:
        """Answers requests for accounts, of which there are none."""
        return 200, []

    def look_up(self, chat_id: str) -> Chat | None:
        self.requests.append(chat_id)
        if chat_id in self.without_answer:
            raise ListingError("status 500")
        chats = {each.get("id"): each for each in [*chain.from_iterable(self.listed), *self.others]}
        return parse_chat(chats[chat_id]) if chat_id in chats else None


def merged(name: str, into: str = "union", **fields: Any) -> Json:
    """Returns Beeper's answer for a member of a union."""
    return chat(name, mergedIntoChatID=f"!{into}", **fields)


def run(
    stack: Stack,
    beeper: Beeper,
    *,
    complete: bool = False,
    remaining_ms: Callable[[], int] = lambda: 900_000,
) -> SyncReport:
    """Runs sync five minutes after the last run."""
    stack.now += 5 * MINUTE
    beeper.requests.clear()
    stack.calls.clear()
    chat_api: Any = beeper
    report = stack.runs().run(chat_api, remaining_ms=remaining_ms, complete=complete)
    assert report.outcome == "ok"
    return report


def shown(stack: Stack, folder: Folder = Folder.INBOX) -> set[str]:
    """Returns the chats in a folder."""
    return {row.chat_id for row in stack.chats_table.newest(folder, limit=100, after=None).chats}


def hidden(stack: Stack) -> dict[str, str]:
    """Returns the union of each hidden chat."""
    listings = stack.chats_table.listings()
    return {chat_id: row.merged_into for chat_id, row in listings.items() if row.merged_into}


def missing(stack: Stack) -> set[str]:
    """Returns the chats that are marked as missing."""
    return {chat_id for chat_id, row in stack.chats_table.listings().items() if row.missing_since}


def formed(stack: Stack, *names: str, others: Iterable[str] = ("bob",)) -> Beeper:
    """Stores chats and then the union of those with these names, and returns Beeper as it is after that."""
    rest = [chat(name) for name in others]
    run(stack, Beeper([[*map(chat, names), *rest]]))
    beeper = Beeper([[union(*names), *rest]], [merged(name) for name in names])
    run(stack, beeper)
    return beeper


def test_field_merge_the_members_are_hidden_by_an_incremental_run_that_stores_only_the_union(
    stack: Stack,
) -> None:
    bob = chat("bob", minutes_ago=90)
    run(stack, Beeper([[chat("a"), chat("b"), bob]]))
    beeper = Beeper([[union("a", "b", unreadCount=5)], [bob]])
    report = run(stack, beeper)
    assert (report.complete, report.changed, beeper.requests) == (False, 1, [])
    assert shown(stack) == {"!union", "!bob"}
    assert hidden(stack) == {"!a": "!union", "!b": "!union"}
    [row] = stack.chats_table.several(["!union"])
    assert (row.unread_count, [each.participant_id for each in row.participants]) == (5, ["@me", "@union"])


def test_a_hidden_chat_keeps_its_members_so_that_their_pictures_stay_referenced(stack: Stack) -> None:
    formed(stack, "a", "b")
    assert stack.participants_table.roster("!a").keys() == {"@me", "@a"}
    shown = stack.participants_table.shown_keys()
    assert all(key in shown.current for key in ("s/a", "s/b", "s/union"))


def test_members_that_are_not_listed_are_not_missing_and_cost_no_request_and_no_write(stack: Stack) -> None:
    beeper = formed(stack, "a", "b")
    for complete in (True, True, True, False):
        report = run(stack, beeper, complete=complete)
        assert (report.missing, report.deleted, report.refused) == (0, 0, 0)
        # A complete run goes on to read contacts after its success, which it records before.
        own_state = ["UpdateItem"] * (3 if complete else 2)
        assert stack.writes() == own_state, "the lock with what is recorded in its row"
        assert beeper.requests == []
    assert shown(stack) == {"!union", "!bob"}


def test_many_merged_chats_do_not_release_the_deletion_brake(stack: Stack) -> None:
    names = [f"a{number}" for number in range(11)]
    beeper = formed(stack, *names)
    for _ in range(2):
        assert run(stack, beeper, complete=True).refused == 0
    assert len(hidden(stack)) == 11


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([[union("a", "b"), chat("a"), chat("b")]], id="on one page"),
        pytest.param([[union("a", "b")], [chat("a"), chat("b")]], id="the union first"),
        pytest.param([[chat("a"), chat("b")], [union("a", "b")]], id="the union last"),
        pytest.param([[union("a", "b")], [merged("a"), merged("b")]], id="with the union's id"),
    ],
)
def test_members_that_are_stored_in_the_same_run_as_the_union_are_hidden(
    stack: Stack, pages: list[list[Json]]
) -> None:
    for complete in (False, True):
        run(stack, Beeper(pages), complete=complete)
        assert shown(stack) == {"!union"}
        assert hidden(stack) == {"!a": "!union", "!b": "!union"}


@pytest.mark.parametrize("own_answer", [chat("b"), merged("b")], ids=["without", "with the union's id"])
def test_a_member_that_is_stored_after_the_union_is_hidden(stack: Stack, own_answer: Json) -> None:
    beeper = formed(stack, "a", "b", others=())
    run(stack, replace(beeper, listed=[[union("a", "b", "c"), own_answer]]))
    assert hidden(stack) == {"!a": "!union", "!b": "!union"}
    run(stack, replace(beeper, listed=[[union("a", "b", "c"), chat("c")]]))
    assert hidden(stack).keys() == {"!a", "!b", "!c"}
    assert shown(stack) == {"!union"}


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([[merged("a", into="elsewhere"), chat("elsewhere")]], id="on one page"),
        pytest.param([[chat("elsewhere")], [merged("a", into="elsewhere")]], id="the union first"),
    ],
)
def test_field_merged_into_chat_id_a_chat_that_says_so_itself_is_hidden_by_a_union_that_does_not_name_it(
    stack: Stack, pages: list[list[Json]]
) -> None:
    for complete in (False, True):
        run(stack, Beeper(pages), complete=complete)
        assert shown(stack) == {"!elsewhere"}
        assert hidden(stack) == {"!a": "!elsewhere"}
    assert len(stack.writes()) == 3, "of its own state only"


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param([merged("a", into="elsewhere")], id="that is not stored"),
        pytest.param([merged("a", into="b"), merged("b", into="a")], id="each other"),
    ],
)
def test_a_chat_that_is_merged_into_nothing_that_is_shown_is_shown_itself(
    stack: Stack, listed: list[Json]
) -> None:
    beeper = Beeper([[*listed, chat("bob")]])
    for complete in (False, True):
        run(stack, beeper, complete=complete)
        assert (shown(stack), hidden(stack)) == ({each["id"] for each in beeper.listed[0]}, {})
    assert len(stack.writes()) == 3, "of its own state only"


@pytest.mark.parametrize("complete", [False, True])
def test_a_listed_chat_comes_back_when_the_union_that_it_names_is_not_stored_any_more(
    stack: Stack, complete: bool
) -> None:
    beeper = Beeper([[merged("a", into="elsewhere"), chat("elsewhere")]])
    run(stack, beeper)
    stack.chats_table.delete("!elsewhere", fence=1000)
    run(stack, replace(beeper, listed=[[merged("a", into="elsewhere")]]), complete=complete)
    assert (shown(stack), hidden(stack)) == ({"!a"}, {})


def test_chats_that_say_that_they_are_merged_come_back_when_their_union_is_deleted(stack: Stack) -> None:
    """Beeper has deleted the union and one of its chats, and says that the others are merged into it."""
    formed(stack, "a", "b", "c")
    beeper = Beeper([[chat("bob")]], [merged("a"), merged("b")])
    run(stack, beeper, complete=True)
    assert (set(hidden(stack)), missing(stack)) == ({"!a", "!b", "!c"}, {"!c", "!union"})
    assert run(stack, beeper, complete=True).deleted == 2
    assert (shown(stack), hidden(stack)) == ({"!a", "!b", "!bob"}, {})
    for _ in range(3):
        run(stack, beeper, complete=True)
        assert (shown(stack), hidden(stack)) == ({"!a", "!b", "!bob"}, {})


def test_a_chat_comes_back_when_a_union_that_does_not_name_it_is_dissolved(stack: Stack) -> None:
    run(stack, Beeper([[union("a"), merged("b"), chat("bob")]]))
    run(stack, Beeper([[chat("a"), chat("bob")]], [merged("b")]), complete=True)
    assert (shown(stack), hidden(stack)) == ({"!a", "!b", "!bob"}, {})


def test_a_chat_that_joins_the_union_is_hidden_and_one_that_leaves_it_is_shown(stack: Stack) -> None:
    beeper = formed(stack, "a", "b", others=["c"])
    beeper.listed = [[union("a", "b", "c")]]
    run(stack, beeper)
    assert shown(stack) == {"!union"}
    beeper.listed = [[union("a", "c")]]  # an incremental run need not reach the chat that has left
    beeper.others = [chat("b"), merged("a"), merged("c")]
    run(stack, beeper)
    assert (shown(stack), beeper.requests) == ({"!union", "!b"}, ["!b"])
    assert hidden(stack) == {"!a": "!union", "!c": "!union"}


def test_chats_that_a_network_has_replaced_by_others_are_never_shown_beside_their_union(
    stack: Stack,
) -> None:
    """Eleven unions get members with other ids at once. The members are half of all chats."""
    numbers = range(11)
    old = [union(f"old{number}", name=f"u{number}") for number in numbers]
    run(stack, Beeper([[*old, *(chat(f"old{number}") for number in numbers)]]))
    beeper = Beeper([[union(f"new{number}", name=f"u{number}") for number in numbers]])
    unions = {each["id"] for each in old}
    reports = []
    for complete in (False, True, True):
        reports.append(run(stack, beeper, complete=complete))
        assert shown(stack) == unions
    assert [(report.missing, report.deleted, report.refused) for report in reports] == [
        (0, 0, 0),
        (11, 0, 0),
        (0, 11, 0),
    ]
    assert stack.chats_table.listings().keys() == unions


def test_hidden_chats_that_are_gone_with_their_unions_count_for_the_deletion_brake(stack: Stack) -> None:
    numbers = range(6)
    unions = [union(f"a{number}", name=f"u{number}") for number in numbers]
    run(stack, Beeper([[*unions, *(chat(f"a{number}") for number in numbers)]]))
    reports = [run(stack, Beeper([[chat("bob")]]), complete=True) for _ in range(2)]
    assert [report.refused for report in reports] == [0, 12]


def test_a_chat_that_has_left_its_union_is_asked_for_again_if_beeper_gave_no_clear_answer(
    stack: Stack,
) -> None:
    beeper = formed(stack, "a", "b")
    beeper.listed = [[union("a"), chat("bob")]]
    beeper.others = [merged("a"), chat("b")]
    beeper.without_answer = {"!b"}
    run(stack, beeper)
    assert (shown(stack), set(hidden(stack))) == ({"!union", "!bob"}, {"!a", "!b"})
    beeper.without_answer = set()
    run(stack, beeper, complete=True)
    assert (shown(stack), hidden(stack)) == ({"!union", "!b", "!bob"}, {"!a": "!union"})


def test_chats_of_a_dissolved_union_come_back_unchanged_in_a_complete_run(stack: Stack) -> None:
    formed(stack, "a", "b")
    beeper = Beeper([[chat("a"), chat("b"), chat("bob")]])
    report = run(stack, beeper, complete=True)
    assert (report.missing, report.deleted, beeper.requests) == (0, 1, ["!union"])
    assert (shown(stack), hidden(stack)) == ({"!a", "!b", "!bob"}, {})
    assert stack.participants_table.roster("!union") == {}
    run(stack, beeper, complete=True)
    assert (beeper.requests, len(stack.writes())) == ([], 3)


def test_many_dissolved_unions_do_not_release_the_deletion_brake(stack: Stack) -> None:
    numbers = range(11)
    run(stack, Beeper([[union(f"a{number}", name=f"union{number}") for number in numbers]]))
    report = run(stack, Beeper([[chat(f"a{number}") for number in numbers]]), complete=True)
    assert (report.deleted, report.refused) == (11, 0)


def test_an_incremental_run_that_sees_one_chat_again_shows_the_others_of_the_union(stack: Stack) -> None:
    formed(stack, "a", "b")
    beeper = Beeper([[chat("a")]], [chat("b"), chat("bob")])
    report = run(stack, beeper)
    assert (report.complete, beeper.requests) == (False, ["!union", "!b"])
    assert (shown(stack), hidden(stack)) == ({"!a", "!b", "!bob"}, {})


def test_a_chat_that_leaves_a_union_which_an_incremental_run_does_not_reach_leaves_the_others_hidden(
    stack: Stack,
) -> None:
    beeper = formed(stack, "a", "b", "c")
    run(stack, replace(beeper, listed=[[chat("c")]], others=[union("a", "b"), merged("a"), merged("b")]))
    assert shown(stack) == {"!c", "!union", "!bob"}
    assert hidden(stack) == {"!a": "!union", "!b": "!union"}


def test_a_chat_that_is_listed_although_beeper_still_has_its_union_stays_hidden(stack: Stack) -> None:
    beeper = formed(stack, "a", "b")
    run(stack, replace(beeper, listed=[[chat("a")]], others=[union("a", "b"), merged("b")]))
    assert hidden(stack) == {"!a": "!union", "!b": "!union"}


@pytest.mark.parametrize("without_answer", [set[str](), {"!b"}])
def test_a_union_that_is_gone_is_kept_while_a_chat_may_still_be_in_it(
    stack: Stack, without_answer: set[str]
) -> None:
    formed(stack, "a", "b")
    assert run(stack, Beeper([[chat("a")]], [merged("b")], without_answer)).deleted == 0
    assert (shown(stack), hidden(stack)) == ({"!union", "!a", "!bob"}, {"!b": "!union"})


def test_chats_that_are_not_listed_come_back_if_the_union_is_gone_and_they_say_that_they_are_in_none(
    stack: Stack,
) -> None:
    formed(stack, "a", "b", "c")
    others = [chat("a"), merged("b", into="other"), merged("c", into="unknown")]
    beeper = Beeper([[chat("other"), chat("bob")]], others)
    report = run(stack, beeper, complete=True)
    assert (report.missing, report.deleted) == (0, 1)
    assert sorted(beeper.requests[:3]) == ["!a", "!b", "!c"]
    assert beeper.requests[3:] == ["!union"]
    assert (shown(stack), hidden(stack)) == ({"!a", "!c", "!other", "!bob"}, {"!b": "!other"})


def test_a_union_that_the_list_only_leaves_out_hides_its_members_on(stack: Stack) -> None:
    formed(stack, "a", "b")
    glitch = Beeper([[chat("bob")]], [union("a", "b"), merged("a"), merged("b")])
    assert run(stack, glitch, complete=True).missing == 1
    assert shown(stack) == {"!union", "!bob"}
    assert run(stack, glitch, complete=True).deleted == 0
    assert (shown(stack), missing(stack)) == ({"!union", "!bob"}, set())


def test_a_member_of_a_vanished_union_that_beeper_gives_no_clear_answer_for_stays_hidden(
    stack: Stack,
) -> None:
    formed(stack, "a", "b")
    unclear = Beeper([[chat("b"), chat("bob")]], [chat("a")], {"!a"})
    run(stack, unclear, complete=True)
    assert (shown(stack), hidden(stack)) == ({"!union", "!b", "!bob"}, {"!a": "!union"})
    unclear.without_answer.clear()
    report = run(stack, unclear, complete=True)
    assert (report.deleted, shown(stack), hidden(stack)) == (1, {"!a", "!b", "!bob"}, {})


def test_a_union_and_its_members_that_are_all_gone_are_deleted_like_other_chats(stack: Stack) -> None:
    formed(stack, "a", "b")
    gone = Beeper([[chat("bob")]])
    reports = [run(stack, gone, complete=True) for _ in range(2)]
    assert [(report.missing, report.deleted) for report in reports] == [(3, 0), (0, 3)]
    assert stack.chats_table.listings().keys() == {"!bob"}


def test_members_that_were_marked_as_missing_before_their_union_was_stored_are_not_missing(
    stack: Stack,
) -> None:
    run(stack, Beeper([[chat("a"), chat("b"), chat("bob")]]))
    run(stack, Beeper([[chat("bob")]]), complete=True)
    assert missing(stack) == {"!a", "!b"}
    run(stack, Beeper([[union("a", "b"), chat("bob")]]))
    assert (missing(stack), set(hidden(stack))) == (set(), {"!a", "!b"})


@pytest.mark.parametrize("complete", [False, True])
def test_members_of_a_union_that_is_listed_again_are_not_missing_any_more(
    stack: Stack, complete: bool
) -> None:
    beeper = formed(stack, "a", "b")
    run(stack, Beeper([[chat("bob")]]), complete=True)
    assert missing(stack) == {"!a", "!b", "!union"}
    run(stack, beeper, complete=complete)
    assert (missing(stack), set(hidden(stack))) == (set(), {"!a", "!b"})


def test_a_member_whose_mark_is_left_over_is_asked_for_before_it_is_deleted(stack: Stack) -> None:
    beeper = formed(stack, "a", "b")
    gone = Beeper([[chat("bob")]])
    run(stack, gone, complete=True)
    beeper.listed = [[chat("other"), chat("bob")]]
    beeper.others = [chat("a"), merged("b", into="other")]
    run(stack, beeper, complete=True)
    assert (shown(stack), hidden(stack)) == ({"!a", "!other", "!bob"}, {"!b": "!other"})
    assert missing(stack) == set()


class CrashError(Exception):
    """The function ends here, as if its process had been killed."""


@pytest.mark.parametrize(
    ("method", "calls"), [("show", 0), ("show", 1), ("put", 0), ("hide", 0), ("hide", 1)]
)
def test_a_run_that_ends_before_any_write_of_a_union_is_repaired_by_the_next_run(
    stack: Stack, method: str, calls: int
) -> None:
    """The union loses two chats and wins two others."""
    beeper = formed(stack, "a", "b", others=["c", "d"])
    beeper.listed = [[union("c", "d", minutes_ago=0)]]
    beeper.others = [chat("a"), chat("b"), merged("c"), merged("d")]
    write = getattr(stack.chats_table, method)
    countdown = iter(range(calls + 1))

    def crash(*values: Any, **options: Any) -> None:
        if next(countdown, None) == calls:
            raise CrashError
        write(*values, **options)

    setattr(stack.chats_table, method, crash)
    with pytest.raises(CrashError):
        run(stack, beeper)
    setattr(stack.chats_table, method, write)
    run(stack, beeper)
    assert shown(stack) == {"!union", "!a", "!b"}
    assert hidden(stack) == {"!c": "!union", "!d": "!union"}


def test_members_of_a_run_that_is_continued_by_another_invocation_are_hidden_while_there_is_the_union(
    stack: Stack,
) -> None:
    """The server lists the members, too, without the union's id, and only the first invocation sees it."""
    beeper = Beeper([[union("a", "b")], [chat("a"), chat("b")]])
    chat_api: Any = beeper
    looks = minutes(*[15] * 3, 0)  # the lease, the page read ahead, and the union
    assert stack.runs().run(chat_api, remaining_ms=looks, complete=True).outcome == "unfinished"
    assert shown(stack) == {"!union"}
    run(stack, beeper)
    assert hidden(stack) == {"!a": "!union", "!b": "!union"}
    run(stack, Beeper([[chat("a"), chat("b")]]))
    assert shown(stack) == {"!a", "!b"}


def test_a_run_without_time_asks_for_no_hidden_chat_and_marks_none_as_missing(stack: Stack) -> None:
    formed(stack, "a", "b")
    beeper = Beeper([[chat("bob")]], [chat("a"), chat("b")])
    looks = minutes(15, 15, 0)  # the lease, and the one chat
    report = run(stack, beeper, complete=True, remaining_ms=looks)
    assert (beeper.requests, set(hidden(stack))) == ([], {"!a", "!b"})
    assert (report.missing, missing(stack)) == (1, {"!union"})
    run(stack, beeper, complete=True)
    assert shown(stack) >= {"!a", "!b", "!bob"}


def test_while_an_entry_has_no_id_no_chat_and_no_union_is_missing(stack: Stack) -> None:
    formed(stack, "a", "b")
    beeper = Beeper([[{"title": "?"}, chat("bob")]])
    for _ in range(3):
        report = run(stack, beeper, complete=True)
        assert (report.missing, report.deleted, missing(stack)) == (0, 0, set())
        assert (shown(stack), set(hidden(stack))) == ({"!union", "!bob"}, {"!a", "!b"})


def test_a_dissolved_union_is_deleted_though_an_entry_of_the_list_has_no_id(stack: Stack) -> None:
    formed(stack, "a", "b")
    beeper = Beeper([[chat("a"), {"id": None, "title": "?"}, chat("bob")]], [chat("b")])
    report = run(stack, beeper, complete=True)
    assert (report.missing, report.deleted) == (0, 1)
    assert (shown(stack), hidden(stack)) == ({"!a", "!b", "!bob"}, {})


@pytest.mark.parametrize("answers_at_once", [True, False])
def test_many_chats_that_only_their_own_answers_name_as_merged_are_hidden(
    stack: Stack, *, answers_at_once: bool
) -> None:
    """They are half of all chats, and no union names them."""
    numbers = range(11)
    run(stack, Beeper([[*(chat(f"a{number}") for number in numbers), chat("bob")]]))
    beeper = Beeper(
        [[*(chat(f"u{number}") for number in numbers), chat("bob")]],
        [merged(f"a{number}", into=f"u{number}") for number in numbers],
    )
    beeper.without_answer = set() if answers_at_once else {f"!a{number}" for number in numbers}
    reports = [run(stack, beeper, complete=True)]
    assert len(hidden(stack)) == (11 if answers_at_once else 0)
    beeper.without_answer = set()
    reports.append(run(stack, beeper, complete=True))
    results = [(report.missing, report.deleted, report.refused) for report in reports]
    assert results == [(0 if answers_at_once else 11, 0, 0), (0, 0, 0)]
    assert hidden(stack) == {f"!a{number}": f"!u{number}" for number in numbers}


def test_chats_that_beeper_still_has_do_not_take_the_brake_off_those_that_are_gone(stack: Stack) -> None:
    gone = [chat(f"b{number}") for number in range(11)]
    run(stack, Beeper([[chat("a"), *gone, chat("bob")]]))
    beeper = Beeper([[chat("bob")]], [chat("a")])
    reports = [run(stack, beeper, complete=True) for _ in range(2)]
    assert [(report.missing, report.deleted, report.refused) for report in reports] == [
        (12, 0, 0),
        (0, 0, 11),
    ]
    assert missing(stack) == {each["id"] for each in gone}


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize(
    ("answers", "deleted"),
    [
        pytest.param(list[Json](), 1, id="404"),
        pytest.param([chat("union", mergedIntoChatID="!successor")], 0, id="merged into it"),
    ],
)
def test_a_union_that_gets_another_id_is_not_shown_beside_its_successor(
    stack: Stack, answers: list[Json], deleted: int, *, complete: bool
) -> None:
    formed(stack, "a", "b")
    others = [merged("a", into="successor"), merged("b", into="successor"), *answers]
    beeper = Beeper([[union("a", "b", name="successor"), chat("bob")]], others)
    assert run(stack, beeper, complete=complete).deleted == deleted
    for _ in range(2):
        assert shown(stack) == {"!successor", "!bob"}
        assert {hidden(stack)[each] for each in ("!a", "!b")} == {"!successor"}
        assert missing(stack) == set()
        assert run(stack, beeper, complete=True).deleted == 0


def test_a_union_that_beeper_still_answers_as_a_plain_chat_is_not_shown_beside_its_successor(
    stack: Stack,
) -> None:
    formed(stack, "a", "b")
    others = [merged("a", into="successor"), merged("b", into="successor"), chat("union")]
    beeper = Beeper([[union("a", "b", name="successor"), chat("bob")]], others)
    assert run(stack, beeper, complete=True).deleted == 1
    for _ in range(2):
        assert shown(stack) == {"!successor", "!bob"}
        assert hidden(stack) == {"!a": "!successor", "!b": "!successor"}
        assert run(stack, beeper, complete=True).deleted == 0


def test_a_union_that_beeper_still_answers_as_a_union_stays_although_another_has_its_members(
    stack: Stack,
) -> None:
    formed(stack, "a", "b")
    others = [merged("a"), merged("b"), union("a", "b")]
    run(stack, Beeper([[union("a", "b", name="successor"), chat("bob")]], others), complete=True)
    assert "!union" in shown(stack)


def test_a_union_that_beeper_still_answers_as_a_plain_chat_stays_while_a_member_is_in_no_other(
    stack: Stack,
) -> None:
    formed(stack, "a", "b")
    beeper = Beeper([[chat("a"), chat("b"), chat("bob")]], [chat("union")])
    assert run(stack, beeper, complete=True).deleted == 0
    assert shown(stack) == {"!a", "!b", "!bob", "!union"}


def test_a_union_whose_other_member_is_still_in_it_stays_beside_its_successor(stack: Stack) -> None:
    formed(stack, "a", "b", "c")
    others = [chat("union", mergedIntoChatID="!successor"), merged("c")]
    beeper = Beeper([[union("a", "b", name="successor"), chat("bob")]], others)
    run(stack, beeper)
    assert shown(stack) == {"!union", "!successor", "!bob"}
    assert hidden(stack) == {"!a": "!successor", "!b": "!successor", "!c": "!union"}


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param([union("y", name="x"), union("x", name="y")], id="each other"),
        pytest.param([union("x", name="x"), chat("y", mergedIntoChatID="!y")], id="themselves"),
    ],
)
def test_unions_that_name_each_other_or_themselves_are_shown(stack: Stack, listed: list[Json]) -> None:
    for complete in (False, True):
        run(stack, Beeper([listed]), complete=complete)
        assert (shown(stack), hidden(stack)) == ({"!x", "!y"}, {})


def test_a_chat_that_two_unions_name_is_hidden_and_not_written_in_every_run(stack: Stack) -> None:
    run(stack, Beeper([[chat("a"), chat("bob")]]))
    beeper = Beeper([[union("a", name="x"), union("a", name="y"), chat("bob")]])
    for complete in (False, True, False):
        run(stack, beeper, complete=complete)
        assert shown(stack) == {"!x", "!y", "!bob"}
    assert len(stack.writes()) == 2, "of its own state only"


def test_a_chat_returns_to_the_folder_that_it_was_in(stack: Stack) -> None:
    low, archived = {"isLowPriority": True}, {"isArchived": True}
    before = [chat("a", **low), chat("b", **archived), chat("c")]
    run(stack, Beeper([before]))
    run(stack, Beeper([[union("a", "b", "c")]]))
    run(stack, Beeper([[chat("union")]], before))  # it is a chat as any other
    assert [shown(stack, folder) for folder in Folder] == [{"!union", "!c"}, {"!a"}, {"!b"}]


def test_the_api_shows_a_hidden_chat_and_names_its_union(stack: Stack) -> None:
    formed(stack, "a", "b")
    api = Api(stack)
    answer = api.get("/api/chat", chatId="!a")
    assert answer["chat"]["mergedInto"] == "!union"
    assert {member["participantId"] for member in answer["participants"]} == {"@me", "@a"}
    assert "mergedInto" not in api.get("/api/chat", chatId="!union")["chat"]
    listed = api.get("/api/chats", filter="all")["chats"]
    assert Counter(each["chatId"] for each in listed) == Counter(["!union", "!bob"])


def test_a_chat_that_was_hidden_by_a_union_on_a_later_page_is_read_and_shown_when_the_union_is_gone(
    stack: Stack,
) -> None:
    listed_twice = chat("a")
    run(stack, Beeper([[listed_twice], [union("a")]]))
    assert hidden(stack) == {"!a": "!union"}
    run(stack, Beeper([[listed_twice]], others=[]))
    assert "!a" in shown(stack)


def test_a_chat_that_stayed_hidden_although_it_is_listed_is_shown_when_its_union_is_gone(
    stack: Stack,
) -> None:
    beeper = formed(stack, "a", "b")
    run(stack, replace(beeper, listed=[[chat("a")]], others=[union("a", "b"), merged("b")]))
    run(stack, Beeper([[chat("a")]], [chat("b")]))
    assert (shown(stack), hidden(stack)) == ({"!a", "!b", "!bob"}, {})


def test_a_page_without_unions_needs_no_read_after_a_successful_run_and_one_after_any_other(
    stack: Stack,
) -> None:
    beeper = Beeper([[chat("a"), chat("b")]])
    run(stack, beeper)
    run(stack, beeper)
    assert stack.calls.count("BatchGetItem") == 0
    held = stack.wiring.sync_lock.acquire(now=stack.now, lease_ms=60_000)
    assert held
    stack.wiring.sync_lock.release(held.fence)
    run(stack, beeper)
    assert stack.calls.count("BatchGetItem") == 1


def test_rows_of_older_versions_are_read(stack: Stack) -> None:
    run(stack, Beeper([[chat("a", isMarkedUnread=True), chat("b")]]))
    new = ("isMarkedUnread", "isLowPriority", "mergedInto", "mergedChatIds")
    for item in stack.dynamodb.scan(TableName="BeeperChatsTable")["Items"]:
        old = {name: value for name, value in item.items() if name not in new}
        stack.dynamodb.put_item(TableName="BeeperChatsTable", Item=old)
    table: ChatsTable = stack.chats_table
    [row] = table.several(["!a"])
    assert (row.is_marked_unread, row.is_low_priority, row.folder) == (False, False, Folder.INBOX)
    assert table.stored(["!a"])["!a"].merged_into is None
    assert table.listings()["!a"].merged_chat_ids == frozenset()
    assert shown(stack) == {"!a", "!b"}
    run(stack, Beeper([[union("a", "b")]]))
    assert shown(stack) == {"!union"}
