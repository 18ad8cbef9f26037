"""The rows `progress` and `progress#<number>` of syncState: where the next invocation continues a run."""

import hashlib
from collections.abc import Iterable
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
    """The position of a run in Beeper's list of chats, and what the run has read before it. Times are in ms.

    `newest` is the latest activity of a chat so far. The watermark must not become later than
    `watermark_limit`, so that the next run reads all chats whose roster was unavailable. `without_id` means
    that an entry of the list had no id. `seen_chats` and `seen_cursors` are sets of `short_hash`. `resumed`
    means that an earlier invocation has begun this run.
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
    """Stores the progress of a run that was out of time, for the invocation that continues it.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    @aws_errors_translated()
    def read(self, *, newer_than: int = 0) -> SyncProgress | None:
        """Returns the progress of a run that is to be continued, or None if there is none.

        `newer_than` is the fence of the last run that succeeded. Progress with this or a smaller fence is
        ignored, because it comes from an older run. Such a row can exist: a run that ends in time does not
        write this row, so its fence does not refuse a late write of a run that has lost its lock.
        """
        row = read_row(self._row, _NAME)
        if not row.value or row.fence <= newer_than:
            return None
        value = row.value
        chunks = [bytes(self._row.get(name, consistent_read=True).hashes) for name in value.pop("chunks")]
        seen_cursors, *seen_chats = map(split_hashes, chunks)
        return SyncProgress(
            **value,
            seen_cursors=seen_cursors,
            seen_chats=frozenset[bytes]().union(*seen_chats),
            resumed=True,
        )

    def record(self, progress: SyncProgress, *, fence: int) -> None:
        """Stores the progress for the next invocation. Raises FencedOffError.

        The rows with hashes are written first, because the row `progress` must not name rows that do not
        exist.
        """
        hashes_of_chats = sorted(progress.seen_chats)
        chunks = [sorted(progress.seen_cursors)]
        chunks += [
            hashes_of_chats[start : start + _HASHES_PER_ROW]
            for start in range(0, len(hashes_of_chats), _HASHES_PER_ROW)
        ]
        names = [f"{_NAME}#{number}" for number in range(len(chunks))]
        for name, hashes in zip(names, chunks, strict=True):
            save_fenced(self._row(name, hashes=joined_hashes(hashes)), fence)
        value = asdict(progress) | {"chunks": names}
        del value["seen_chats"], value["seen_cursors"], value["resumed"]
        save_fenced(self._row(_NAME, value=value), fence)

    def forget(self, *, fence: int) -> None:
        """Removes the progress, so that the next run begins at the top of the list. Raises FencedOffError.

        The row stays with the fence of this run, so that an older run cannot record its own progress later.
        """
        with fenced():
            self._row(_NAME).update(
                actions=[StateRow.value.remove(), StateRow.fence.set(fence)],
                condition=behind(StateRow.fence, fence),
            )


def short_hash(text: str) -> bytes:
    """Returns a hash of 8 bytes: for ten thousands of ids it is unique, and they all fit in one row."""
    return hashlib.sha256(text.encode()).digest()[:_HASH_BYTES]


def joined_hashes(hashes: Iterable[bytes]) -> bytes:
    """Returns the hashes, which have 8 bytes each, as one value of an attribute."""
    return b"".join(hashes)


def split_hashes(hashes: bytes) -> frozenset[bytes]:
    """Returns the hashes of a value that `joined_hashes` has made."""
    return frozenset(hashes[start : start + _HASH_BYTES] for start in range(0, len(hashes), _HASH_BYTES))
