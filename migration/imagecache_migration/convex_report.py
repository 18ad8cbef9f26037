"""What became of a snapshot: counts by result, and the documents that were left out, by their `_id`."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import RenderableType
from rich.text import Text

from imagecache_cli.api import Json
from imagecache_cli.plain import plain
from imagecache_cli.tables import size, table

_FINE = {
    "imported": "moved",
    "already_there": "here before: left as it is",
    "same_image": "another form of an image above",
    "same_chat": "another row of a chat above",
    "forgotten": "forgotten here on request: it stays away",
}
_LEFT_OUT = {
    "held": "a worker has it now: run this again in a minute",
    "sync_runs": "a sync runs now: run this again when it is over",
    "no_id": "it has no chatId, or one that is too long",
    "file_missing": "its stored file is not in the snapshot",
    "file_unreadable": "its stored file is damaged",
    "no_checksum": "the snapshot does not say what its stored file must be",
    "wrong_size": "its stored file has another size than the snapshot says",
    "wrong_checksum": "its stored file has another SHA-256 than the snapshot says",
    "a_page": "a web page was stored instead of a picture",
}
_NOTES = {
    "cachedProfileImageUrl": "a cachedProfileImageUrl of the first design, ignored as the pictures are in"
    " cachedImages: {}",
    "pictureOfNobody": "chats that name a picture but nobody whose it is, which the next sync tells: {}",
}
_NAMED = 3


def meanings() -> dict[str, str]:
    """Returns the text of every result, by its code."""
    # The command line loads this module for every verb, and has no use for the package but for this one.
    from imagecache.rules.failure_reasons import FAILURES, REJECTIONS  # noqa: PLC0415

    not_decoded = {reason.value: meaning.text for reason, meaning in FAILURES.items()}
    never_fetched = {
        f"rejected_{reason.value}": f"its sourceUrl is never fetched: {text}"
        for reason, text in REJECTIONS.items()
    }
    return {**_FINE, **_LEFT_OUT, **not_decoded, **never_fetched}


@dataclass(slots=True)
class Results:
    """Of one table."""

    table: str
    documents: dict[str, list[str]] = field(default_factory=dict)
    bytes: int = 0

    def add(self, document_id: str, result: str, *, size: int = 0) -> None:
        self.documents.setdefault(str(result), []).append(document_id)
        self.bytes += size

    def counts(self) -> dict[str, int]:
        return {result: len(ids) for result, ids in self.documents.items()}

    def left_out(self) -> Iterator[tuple[str, list[str]]]:
        return ((result, ids) for result, ids in self.documents.items() if result not in _FINE)


@dataclass(slots=True)
class Report:
    """`left_out` counts what has no place here, `unreadable` the lines that are no document, by table."""

    dry_run: bool
    images: Results = field(default_factory=lambda: Results("cachedImages"))
    chats: Results = field(default_factory=lambda: Results("beeperChats"))
    left_out: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)

    @property
    def has_left_out(self) -> bool:
        return any([*self.images.left_out(), *self.chats.left_out(), +self.unreadable])

    def document(self) -> Json:
        return {
            "dryRun": self.dry_run,
            "images": self.images.counts(),
            "bytes": self.images.bytes,
            "chats": self.chats.counts(),
            "leftOut": [
                {"table": results.table, "result": result, "_id": document_id}
                for results in (self.images, self.chats)
                for result, ids in results.left_out()
                for document_id in ids
            ],
            "unreadableLines": dict(self.unreadable),
            "cachedProfileImageUrls": self.left_out["cachedProfileImageUrl"],
            "picturesOfNobody": self.left_out["pictureOfNobody"],
        }

    def shown(self) -> RenderableType:
        rows = (
            (results.table, *_row(result, ids))
            for results in (self.images, self.chats)
            for result, ids in results.documents.items()
        )
        return table(("table", "rows", "result", "which means", "_id"), rows, long=("which means", "_id"))

    def notes(self) -> Iterator[str]:
        """Lines beside the table."""
        for name, count in self.unreadable.items():
            yield f"lines of {name} that are no document, as the last one of a file cut short: {count:,}"
        for name, text in _NOTES.items():
            if self.left_out[name]:
                yield text.format(f"{self.left_out[name]:,}")
        moved = f"{size(self.images.bytes)} of pictures"
        if self.dry_run:
            yield f"a dry run: nothing was changed, {moved} would be moved"
        else:
            yield f"{moved} moved; now `imagecache sync --complete` brings what Beeper knows better"


def _row(result: str, ids: list[str]) -> tuple[str, Text, str, str]:
    fine = result in _FINE
    named = "" if fine else ", ".join(map(plain, ids[:_NAMED])) + (", ..." if len(ids) > _NAMED else "")
    return f"{len(ids):,}", Text(result, style="green" if fine else "red"), meanings()[result], named
