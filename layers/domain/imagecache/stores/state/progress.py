"""The rows `progress` and `progress#<number>` of syncState: where a run that is out of time continues."""

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from imagecache.aws_errors import aws_errors_translated
from imagecache.stores.dynamodb import behind, bound, fenced
from imagecache.stores.state.row import StateRow, read_row, save_fenced

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAME = "progress"
_HASH_BYTES = 8
# DynamoDB allows 400 KB for an item, names of attributes included.
_HASHES_PER_ROW = 300_000 // _HASH_BYTES

NO_LIMIT = 2**53
"""A moment later than any activity of a chat (ms)."""


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """The position of a run in Beeper's list of chats, and what it has seen until there.

    `newest` is the latest activity seen. The watermark must not pass `watermark_limit`, so that the next run
    reads down to the chats whose roster was unavailable (both in ms). `without_id` means that the list held
    something without an id. `seen_chats` and `seen_cursors` hold a `short_hash` each. `resumed` means that an
    earlier invocation has begun this run.
    """

    complete: bool
    force: bool
    started_at: int
    newest: int = 0
    watermark_limit: int = NO_LIMIT
    without_id: bool = False
    cursor: str | None = None
    finished: bool = False
    pages: int = 0
    seen_chats: frozenset[bytes] = frozenset()
    seen_cursors: frozenset[bytes] = frozenset()
    resumed: bool = False


class ProgressStore:
    """Keeps the progress of the one run that was out of time, if there is one.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    @aws_errors_translated()
    def read(self, *, newer_than: int = 0) -> SyncProgress | None:
        """Returns what the last run has left to be done, or None if it was finished.

        `newer_than` is the fence of the last run that succeeded. Progress that an older run has recorded is
        ignored. The row's own fence cannot prevent it: a run that ends in time does not write this row, so a
        run that has lost its lock to such a run can still record its progress.
        """
        row = read_row(self._row, _NAME)
        if not row.value or row.fence <= newer_than:
            return None
        value = row.value
        chunks = [bytes(self._row.get(name, consistent_read=True).hashes) for name in value.pop("chunks")]
        seen_cursors, *seen_chats = map(_split, chunks)
        return SyncProgress(
            **value,
            seen_cursors=seen_cursors,
            seen_chats=frozenset[bytes]().union(*seen_chats),
            resumed=True,
        )

    def record(self, progress: SyncProgress, *, fence: int) -> None:
        """Keeps the progress for the next invocation. Raises FencedOffError.

        The hashes are written first: a row must not name others that do not exist yet.
        """
        hashes_of_chats = sorted(progress.seen_chats)
        chunks = [sorted(progress.seen_cursors)]
        chunks += [
            hashes_of_chats[start : start + _HASHES_PER_ROW]
            for start in range(0, len(hashes_of_chats), _HASHES_PER_ROW)
        ]
        names = [f"{_NAME}#{number}" for number in range(len(chunks))]
        for name, hashes in zip(names, chunks, strict=True):
            save_fenced(self._row(name, hashes=b"".join(hashes)), fence)
        value = asdict(progress) | {"chunks": names}
        del value["seen_chats"], value["seen_cursors"], value["resumed"]
        save_fenced(self._row(_NAME, value=value), fence)

    def forget(self, *, fence: int) -> None:
        """Lets the next run begin at the top of the list. Raises FencedOffError.

        The row stays and remembers the fence, so that an older run cannot record its own progress later.
        """
        with fenced():
            self._row(_NAME).update(
                actions=[StateRow.value.remove(), StateRow.fence.set(fence)],
                condition=behind(StateRow.fence, fence),
            )


def short_hash(text: str) -> bytes:
    """Returns 8 bytes: enough to tell some ten thousand ids apart, and to keep them all in one row."""
    return hashlib.sha256(text.encode()).digest()[:_HASH_BYTES]


def _split(hashes: bytes) -> frozenset[bytes]:
    return frozenset(hashes[start : start + _HASH_BYTES] for start in range(0, len(hashes), _HASH_BYTES))
