"""What a sweep counted → the requests that it takes, and their price."""

from collections import Counter
from dataclasses import asdict, dataclass

# Dollars, in us-east-1 and us-west-2, on demand (AWS price list, 2026-08).
_READ_UNIT, _WRITE_UNIT = 0.125e-6, 0.625e-6
_LIST, _MESSAGE = 5e-6, 0.4e-6

# A consistent read unit is 4 KB, an eventual one 8 KB; a row is about 700 bytes, of an index about 150.
_ROWS_A_UNIT, _INDEX_ROWS_A_UNIT = 4096 / 700, 8192 / 150
_VERSIONS_A_LIST = 1000
# The table, and the index that knows the row.
_UNITS_A_WRITE = 2


@dataclass(frozen=True, slots=True)
class Costs:
    """DynamoDB in request units, S3 and SQS in requests; an estimate, without Lambda's time."""

    reads: int
    writes: int
    lists: int
    messages: int

    @property
    def dollars(self) -> float:
        return (
            self.reads * _READ_UNIT
            + self.writes * _WRITE_UNIT
            + self.lists * _LIST
            + self.messages * _MESSAGE
        )


def costs(totals: Counter[str]) -> dict[str, float]:
    """Of a sweep that did all that was counted, as a dry run counts what would be done."""
    passes = 2 if totals["due"] else 1
    scans = totals["rows"] * passes / _ROWS_A_UNIT + 2 * totals["rows"] / _INDEX_ROWS_A_UNIT
    repaired = totals["undeleted"] + totals["rebuilt"] + totals["refetched"] + totals["lost"]
    reads = scans + totals["marked"] + totals["due"] + totals["unnamed"] + 2 * totals["chats"]
    fetched = totals["revalidated"] + totals["refetched"] + totals["lost"]
    changed = totals["marked"] + totals["unmarked"] + totals["due"] + fetched + totals["queued"]
    lists = 2 + totals["listed"] / _VERSIONS_A_LIST + 2 * (totals["unnamed"] + repaired)
    found = Costs(
        reads=round(reads),
        writes=_UNITS_A_WRITE * changed,
        lists=round(lists),
        messages=fetched + totals["queued"],
    )
    return {**asdict(found), "dollars": round(found.dollars, 6)}
