"""Counts and positions of a sweep, and orders of jobs: what is written to a job's row can be read back."""

import json
from dataclasses import fields, replace

import pytest

from imagecache.model.chat import Folder
from imagecache.model.job import JOB_TYPES, JobKind, Worker
from imagecache.stores.chats.shown import Position
from imagecache.usecases.operating.queue_missing import BackfillPosition
from imagecache.usecases.upkeep.sweep_progress import Phase, RowOutcome, SweepCounts, SweepPosition

EVERY_COUNT = SweepCounts(**{field.name: number for number, field in enumerate(fields(SweepCounts), start=1)})


def test_counts_are_read_back_as_they_were_written() -> None:
    written = json.loads(json.dumps(EVERY_COUNT.to_json()))
    assert SweepCounts.from_json(written) == EVERY_COUNT
    assert len(written) == len(fields(SweepCounts))


def test_counts_have_the_names_that_the_command_line_reads() -> None:
    assert {
        "due",
        "dueBytes",
        "versionsDeleted",
        "bytesFreed",
        "unnamedBytes",
    } <= EVERY_COUNT.to_json().keys()


def test_a_count_of_nothing_is_left_out() -> None:
    assert SweepCounts(marked=2).to_json() == {"marked": 2}


def test_counts_are_added_up() -> None:
    assert SweepCounts(rows=1, due_bytes=5) + SweepCounts(rows=2, lost=1) == SweepCounts(
        rows=3, due_bytes=5, lost=1
    )


@pytest.mark.parametrize("outcome", RowOutcome)
def test_every_outcome_of_a_row_is_counted(outcome: RowOutcome) -> None:
    counts = SweepCounts.of([outcome, None, outcome])
    assert counts == replace(SweepCounts(), **{outcome.value: 2})


@pytest.mark.parametrize(
    "position",
    [
        SweepPosition(),
        SweepPosition(Phase.DELETE_ROWS, last_key="s/ada"),
        SweepPosition(Phase.QUEUE_MISSING, backfill=BackfillPosition(Folder.ARCHIVE)),
        SweepPosition(
            Phase.QUEUE_MISSING, backfill=BackfillPosition(Folder.INBOX, Position("!ada", 1_800_000_000_000))
        ),
    ],
)
def test_a_position_is_read_back_as_it_was_written(position: SweepPosition) -> None:
    assert SweepPosition.from_json(json.loads(json.dumps(position.to_json()))) == position


def test_a_sweep_begins_with_rows_and_ends_after_the_statistics() -> None:
    position: SweepPosition | None = SweepPosition.from_json(None)
    phases = []
    while position is not None:
        phases.append(position.phase)
        position = position.next_phase()
    assert phases == list(Phase)


def test_a_phase_begins_at_its_beginning() -> None:
    assert SweepPosition(Phase.SWEEP_ROWS, last_key="s/ada").after_row(None) == SweepPosition(
        Phase.DELETE_ROWS
    )


@pytest.mark.parametrize("value", ["again", 7, [0, "s/ada"], {"phase": "rows"}, {"phase": "sweepRows"}])
def test_what_is_no_position_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a"):
        SweepPosition.from_json(value)  # type: ignore[arg-type] # as a row may hold it


def test_a_backfill_refuses_what_is_no_position() -> None:
    with pytest.raises(ValueError, match="not a position of a backfill"):
        BackfillPosition.from_json(["inbox", "not a number", "!ada"])


def test_every_kind_of_job_has_an_order_of_its_own_and_a_worker() -> None:
    assert JOB_TYPES.keys() == set(JobKind)
    assert len({job_type.order for job_type in JOB_TYPES.values()}) == len(JobKind)
    assert {job_type.worker for job_type in JOB_TYPES.values()} == set(Worker)
