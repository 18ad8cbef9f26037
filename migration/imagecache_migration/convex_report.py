"""The report of an import: a count for each outcome, and the `_id` of each document that was left out."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import RenderableType
from rich.text import Text

from imagecache_cli.api import Json
from imagecache_cli.explanations import explain_failure
from imagecache_cli.plain import plain
from imagecache_cli.tables import size, table
from imagecache_migration.convex_snapshot import Snapshot
from imagecache_migration.outcomes import (
    DocumentOutcome,
    DocumentResult,
    FileProblem,
    Outcome,
    is_left_out,
)

_MOST_IDS_SHOWN = 3


def meaning(outcome: DocumentOutcome) -> str:
    """Returns a text about an outcome. For failures and rejections it is the same as in other verbs."""
    if isinstance(outcome, Outcome | FileProblem):
        return outcome.meaning
    return explain_failure(outcome.value).text


@dataclass(slots=True)
class TableReport:
    """The outcomes of one table: the ids of its documents by outcome, and the bytes that were imported."""

    table: str
    ids_by_outcome: dict[DocumentOutcome, list[str]] = field(default_factory=dict)
    imported_bytes: int = 0

    def add(self, result: DocumentResult) -> None:
        self.ids_by_outcome.setdefault(result.outcome, []).append(result.document_id)
        self.imported_bytes += result.imported_bytes

    def counts(self) -> dict[str, int]:
        """Returns the number of documents for each outcome."""
        return {outcome.value: len(ids) for outcome, ids in self.ids_by_outcome.items()}

    def left_out(self) -> Iterator[tuple[DocumentOutcome, list[str]]]:
        """Yields each outcome of documents that were left out, with the ids of these documents."""
        return ((outcome, ids) for outcome, ids in self.ids_by_outcome.items() if is_left_out(outcome))


@dataclass(slots=True)
class ImportReport:
    """The outcomes of a snapshot's documents. `snapshot` has the counts of data that are not imported."""

    snapshot: Snapshot
    dry_run: bool
    images: TableReport = field(default_factory=lambda: TableReport("cachedImages"))
    chats: TableReport = field(default_factory=lambda: TableReport("beeperChats"))

    @property
    def has_left_out(self) -> bool:
        """Returns True if a document was left out or could not be read."""
        return any([*self.images.left_out(), *self.chats.left_out(), self.snapshot.unreadable_lines.total()])

    def document(self) -> Json:
        """Returns the report as JSON."""
        return {
            "dryRun": self.dry_run,
            "images": self.images.counts(),
            "bytes": self.images.imported_bytes,
            "chats": self.chats.counts(),
            "leftOut": [
                {"table": report.table, "result": outcome.value, "_id": document_id}
                for report in (self.images, self.chats)
                for outcome, ids in report.left_out()
                for document_id in ids
            ],
            "unreadableLines": dict(self.snapshot.unreadable_lines),
            "cachedProfileImageUrls": self.snapshot.cached_profile_image_urls,
            "picturesWithoutPerson": self.snapshot.pictures_without_person,
        }

    def shown(self) -> RenderableType:
        """Returns the report as a table, with a row for each table and outcome."""
        rows = (
            (report.table, *_cells(outcome, ids))
            for report in (self.images, self.chats)
            for outcome, ids in report.ids_by_outcome.items()
        )
        return table(("table", "rows", "result", "which means", "_id"), rows, long=("which means", "_id"))

    def notes(self) -> Iterator[str]:
        """Yields the sentences to print below the report."""
        for name, count in self.snapshot.unreadable_lines.items():
            yield f"lines of {name} that are not documents, as if the file had been cut short: {count:,}"
        if self.snapshot.cached_profile_image_urls:
            yield (
                "chats with a cachedProfileImageUrl, which is ignored because the pictures themselves are in "
                f"cachedImages: {self.snapshot.cached_profile_image_urls:,}"
            )
        if self.snapshot.pictures_without_person:
            yield (
                "chats with a person's picture but not the person's id, which the next sync adds: "
                f"{self.snapshot.pictures_without_person:,}"
            )
        pictures = f"{size(self.images.imported_bytes)} of pictures"
        if self.dry_run:
            yield f"this was a dry run: nothing was changed, and {pictures} would be moved"
        else:
            yield f"{pictures} were moved; now run `imagecache sync --complete` to read the rest from Beeper"


def _cells(outcome: DocumentOutcome, ids: list[str]) -> tuple[str, Text, str, str]:
    """Returns the count, the code, its meaning, and the first ids if the documents were left out."""
    if not is_left_out(outcome):
        return f"{len(ids):,}", Text(outcome.value, style="green"), meaning(outcome), ""
    shown_ids = ", ".join(map(plain, ids[:_MOST_IDS_SHOWN]))
    more = ", ..." if len(ids) > _MOST_IDS_SHOWN else ""
    return f"{len(ids):,}", Text(outcome.value, style="red"), meaning(outcome), f"{shown_ids}{more}"
