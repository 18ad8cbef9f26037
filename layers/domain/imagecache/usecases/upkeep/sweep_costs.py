"""Estimates the number of requests that a sweep makes, and their price."""

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
LISTS_OF_BLOB = 2
"""The number of requests that list all versions of one blob, which are in two folders."""

# A write needs one unit for the table, and one for an index that has an entry for the row.
_UNITS_PER_WRITE = 2


@dataclass(frozen=True, slots=True)
class SweepCosts:
    """An estimate of DynamoDB's request units, S3's list requests and SQS messages, without Lambda's time."""

    reads: int
    writes: int
    lists: int
    messages: int

    @property
    def dollars(self) -> float:
        """The price of all requests in US dollars."""
        return (
            self.reads * _READ_UNIT
            + self.writes * _WRITE_UNIT
            + self.lists * _LIST
            + self.messages * _MESSAGE
        )

    def to_json(self) -> dict[str, float]:
        """Returns the costs under the names that the API documents."""
        return {**asdict(self), "dollars": round(self.dollars, 6)}


def lists_of(versions: int) -> int:
    """Returns the number of requests that list a bucket with so many versions in two folders."""
    return 2 + versions // _VERSIONS_PER_LIST


def costs_of(counts: SweepCounts) -> SweepCosts:
    """Estimates the costs of a sweep with these counts. For a dry run, the estimate is for a real sweep."""
    scans = counts.rows / _ROWS_PER_UNIT + 2 * counts.rows / _INDEX_ENTRIES_PER_UNIT
    reads = scans + counts.marked + counts.due + counts.unnamed + 2 * counts.chats
    fetched = counts.revalidated + counts.refetched + counts.lost
    changed = counts.marked + counts.unmarked + counts.due + fetched + counts.queued
    repaired = counts.undeleted + counts.rebuilt + counts.refetched + counts.lost
    listed = lists_of(counts.listed)
    lists = listed + min(listed, LISTS_OF_BLOB * counts.unnamed) + LISTS_OF_BLOB * repaired
    return SweepCosts(
        reads=round(reads),
        writes=_UNITS_PER_WRITE * changed,
        lists=lists,
        messages=fetched + counts.queued,
    )
