"""A run over chats that do not change costs few calls, which are counted here."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest
import requests

from demo.service import DemoAccount
from imagecache.model.chat import Chat, Participant
from imagecache.stores.chats.participants import MergedRoster, ParticipantsTable
from tests.integration.conftest import NOW, Stack
from tests.integration.demo_chats import chat_with, fill, person

CHATS = 500
TAKE_LOCK, RELEASE_LOCK = ["UpdateItem"], ["UpdateItem"]
READS = ("BatchGetItem", "Query", "GetItem", "Scan")


class UnstoredRosters(ParticipantsTable):
    """Stores no members. A run over unchanged chats does not read them, and writing them takes long."""

    def roster(self, _chat_id: str) -> dict[str, Participant]:
        return {}

    def merge(self, chats: Iterable[Chat], **_: object) -> list[MergedRoster]:
        return [MergedRoster(chat, []) for chat in chats]


@pytest.fixture
def stored(stack: Stack, session: requests.Session) -> Iterable[DemoAccount]:
    """An account of 500 chats with a picture each, all of them stored and cached."""
    with DemoAccount(scale=0.01) as demo:
        demo.chat_api.lists_contacts = False
        fill(demo, [chat_with(number, person(number)) for number in range(CHATS)])
        cached(stack, [f"local.beeper.com/alex_{number}" for number in range(CHATS)])
        rosters = UnstoredRosters(table_name="unused", dynamodb=stack.dynamodb, writes_at_once=1)
        chat_writer = replace(stack.wiring.chat_writer, participants_table=rosters)
        page_writer = replace(stack.wiring.page_writer, chat_writer=chat_writer)
        sync = replace(stack.runs(), page_writer=page_writer)
        api = stack.chat_api(demo, session)
        assert sync.run(api, remaining_ms=lambda: 900_000).changed == CHATS
        yield demo


def cached(stack: Stack, keys: list[str]) -> None:
    """Writes cached images with these keys."""
    rows = [{"imageKey": {"S": key}, "status": {"S": "cached"}, "checkedAt": {"N": str(NOW)}} for key in keys]
    for start in range(0, len(rows), 25):
        requests = [{"PutRequest": {"Item": row}} for row in rows[start : start + 25]]
        stack.dynamodb.batch_write_item(RequestItems={"CachedImagesTable": requests})  # type: ignore[dict-item] # as built


def test_500_unchanged_chats_cost_few_reads_in_a_complete_run_none_in_another_and_no_write(
    stack: Stack, session: requests.Session, stored: DemoAccount
) -> None:
    # A run that sees other pages than the one before records which chats it has seen.
    stack.sync(stored, session)
    for complete, most in ((False, 0), (True, 6)):
        stack.calls.clear()
        stored.hits.reset()
        report = stack.sync(stored, session, complete=complete)
        assert (report.outcome, report.changed, report.queued) == ("ok", 0, 0)
        # A complete run goes on to read contacts after its success, which it records before.
        recorded = ["PutItem", "UpdateItem"] if complete else []
        assert stack.writes() == TAKE_LOCK + recorded + RELEASE_LOCK
        counted = Counter(name for name in stack.calls if name in READS)
        assert counted["GetItem"] == 2, "recent chats, contacts"
        assert counted["Query"] == 2, "failures that are due"
        assert counted["BatchGetItem"] + counted["Scan"] <= math.ceil(most * CHATS / 100), counted
        assert int(str(stored.hits.as_json()["chats"])) == (3 if complete else 2)
