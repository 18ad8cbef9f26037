"""What a run over chats that do not change may cost, counted call by call."""

import math
from collections import Counter
from collections.abc import Iterable

import pytest
import requests

from demo.service import DemoAccount
from imagecache.model.chat import Participant
from tests.integration.accounts import chat_with, fill, person
from tests.integration.conftest import NOW, Stack

CHATS = 500
OWN_STATE = ["UpdateItem", "PutItem", "PutItem", "UpdateItem"]  # lock, origin, synced, unlock
READS = ("BatchGetItem", "Query", "GetItem", "Scan")


class NoRosters:
    """Members are not looked at while their chats do not change, and writing them takes moto ten seconds."""

    def roster(self, _chat_id: str) -> dict[str, Participant]:
        return {}

    def put(self, chat_id: str, participants: list[Participant], *, fence: int) -> None:
        pass

    def remove(self, chat_id: str, participant_ids: list[str], *, fence: int) -> None:
        pass


@pytest.fixture
def stored(stack: Stack, session: requests.Session) -> Iterable[DemoAccount]:
    """500 chats with a picture each, all stored and cached."""
    with DemoAccount(scale=0.01) as demo:
        fill(demo, [chat_with(number, person(number)) for number in range(CHATS)])
        cached(stack, [f"local.beeper.com/alex_{number}" for number in range(CHATS)])
        participants = stack.participants_table
        stack.participants_table = NoRosters()  # type: ignore[assignment] # for one run
        assert stack.sync(demo, session).changed == CHATS
        stack.participants_table = participants
        yield demo


def cached(stack: Stack, keys: list[str]) -> None:
    """25 rows a call."""
    rows = [{"imageKey": {"S": key}, "status": {"S": "cached"}, "checkedAt": {"N": str(NOW)}} for key in keys]
    for start in range(0, len(rows), 25):
        requests = [{"PutRequest": {"Item": row}} for row in rows[start : start + 25]]
        stack.dynamodb.batch_write_item(RequestItems={"CachedImagesTable": requests})  # type: ignore[dict-item] # as built


def test_500_unchanged_chats_cost_few_reads_and_no_write(
    stack: Stack, session: requests.Session, stored: DemoAccount
) -> None:
    for complete, most in ((False, 2), (True, 6)):
        stack.calls.clear()
        stored.hits.reset()
        report = stack.sync(stored, session, complete=complete)
        assert (report.outcome, report.changed, report.queued) == ("ok", 0, 0)
        assert stack.writes() == OWN_STATE
        counted = Counter(name for name in stack.calls if name in READS)
        assert counted.total() <= math.ceil(most * CHATS / 100), counted
        assert complete or "Scan" not in counted
        assert counted["GetItem"] == 4, "progress, synced, origin, contacts"
        assert int(str(stored.hits.as_json()["chats"])) == (3 if complete else 2)
