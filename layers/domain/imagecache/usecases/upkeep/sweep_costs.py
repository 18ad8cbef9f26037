"""Estimates the requests that a sweep takes, and their price."""

from dataclasses import asdict, dataclass

from imagecache.usecases.upkeep.sweep_progress import SweepCounts

# Dollars per request, in us-east-1 and us-west-2, on demand (AWS price list, 2026-08).
_READ_UNIT = 0.125e-6
_WRITE_UNIT = 0.625e-6
_LIST = 5e-6
_MESSAGE = 0.4e-6

# A consistent read unit is 4 KB and an eventually consistent one 8 KB. A row has about 700 bytes, an entry of
# an index about 150.
_ROWS_PER_UNIT = 4096 / 700
_INDEX_ENTRIES_PER_UNIT = 8192 / 150
_VERSIONS_PER_LIST = 1000
# One for the table, and one for the index that has an entry for the row.
_UNITS_PER_WRITE = 2


@dataclass(frozen=True, slots=True)
class SweepCosts:
    """DynamoDB's request units, requests to S3 and SQS. An estimate that leaves out Lambda's time."""

    reads: int
    writes: int
    lists: int
    messages: int

    @property
    def dollars(self) -> float:
        """The price of all of them."""
        return (
            self.reads * _READ_UNIT
            + self.writes * _WRITE_UNIT
            + self.lists * _LIST
            + self.messages * _MESSAGE
        )

    def to_json(self) -> dict[str, float]:
        """Returns the costs under the names that the API documents."""
        return {**asdict(self), "dollars": round(self.dollars, 6)}


def costs_of(counts: SweepCounts) -> SweepCosts:
    """Estimates a sweep that did everything that was counted. A dry run counts what would be done."""
    passes = 2 if counts.due else 1
    scans = counts.rows * passes / _ROWS_PER_UNIT + 2 * counts.rows / _INDEX_ENTRIES_PER_UNIT
    reads = scans + counts.marked + counts.due + counts.unnamed + 2 * counts.chats
    fetched = counts.revalidated + counts.refetched + counts.lost
    changed = counts.marked + counts.unmarked + counts.due + fetched + counts.queued
    repaired = counts.undeleted + counts.rebuilt + counts.refetched + counts.lost
    lists = 2 + counts.listed / _VERSIONS_PER_LIST + 2 * (counts.unnamed + repaired)
    return SweepCosts(
        reads=round(reads),
        writes=_UNITS_PER_WRITE * changed,
        lists=round(lists),
        messages=fetched + counts.queued,
    )
