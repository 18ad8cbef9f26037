"""The conditional writes that everything rests on, raced on AWS's own DynamoDB Local where it can run."""

import itertools
import json
import subprocess
import sys
from typing import Any

import pytest

from local.template import ROOT
from tests.dynamodb_local.program import NOT_HERE, OWN_NETWORK, emulator
from tests.engine.claim_race import WORKERS

ROUNDS = 5
Raced = dict[str, Any]


@pytest.fixture(scope="module")
def raced() -> Raced:
    folder = emulator()
    if folder is None:
        pytest.skip(NOT_HERE)
    command = [*OWN_NETWORK, sys.executable, "-m", "tests.engine.claim_race", str(folder), str(ROUNDS)]
    ended = subprocess.run(  # noqa: S603 - fixed arguments
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=120
    )
    answer: Raced = json.loads(ended.stdout)
    return answer


def test_of_32_workers_that_claim_an_image_one_wins_in_every_round(raced: Raced) -> None:
    assert [race["first"] for race in raced["races"]] == [{"Won": 1, "Held": WORKERS - 1}] * ROUNDS


def test_a_lapsed_lease_is_taken_over_by_one_worker_and_only_its_commit_counts(raced: Raced) -> None:
    assert [race["second"] for race in raced["races"]] == [{"Won": 1, "Held": WORKERS - 1}] * ROUNDS
    assert [race["attempts"] for race in raced["races"]] == [[1, 2]] * ROUNDS
    assert [race["committed"] for race in raced["races"]] == [[False, True]] * ROUNDS


def test_no_two_workers_get_the_same_slot_of_the_pace(raced: Raced) -> None:
    slots = raced["slots"]
    assert slots[:10] == [0] * 10
    assert all(later - earlier >= 750 for earlier, later in itertools.pairwise(slots[9:]))
    assert 10 < len(slots) <= 10 + 10_000 // 750
