"""The syncState table: the few things there is only one of."""

import hashlib
import secrets
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import BinaryAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist, PutError
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.conditional import is_refusal, updated
from imagecache.stores.dynamodb.fence import behind, fenced

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SALT = "salt"
_LOCK = "lock"
_PROGRESS = "progress"
_SYNCED = "synced"
_ORIGIN = "origin"
_STATISTICS = "statistics"
_CONTACTS = "contacts"

_HASH_BYTES = 8
# Items end at 400 KB, attribute names and all.
_HASHES_PER_ITEM = 300_000 // _HASH_BYTES


class BeeperState(StrEnum):
    """How Beeper answered when it was last asked."""

    OK = "ok"
    OFFLINE = "offline"
    UNAUTHORIZED = "unauthorized"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BeeperHealth:
    """The state of Beeper, since when it is so, and when that was last seen (ms; 0 never)."""

    state: BeeperState = BeeperState.UNKNOWN
    since: int = 0
    checked_at: int = 0


@dataclass(frozen=True, slots=True)
class Synced:
    """How far sync has come (ms; 0 never): what is newer is to be read; last success, last complete one."""

    watermark: int = 0
    succeeded_at: int = 0
    completed_at: int = 0


NONE_SKIPPED = 2**53
"""Later than any activity."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come, to go on when it ran out of time; what it has seen is kept as short hashes.

    Activity in ms: `newest` is the latest seen, `oldest_skipped` that of the oldest chat to be tried again.
    `without_id`: something in the list had none.
    """

    complete: bool
    force: bool
    started_at: int
    newest: int = 0
    oldest_skipped: int = NONE_SKIPPED
    without_id: bool = False
    cursor: str | None = None
    finished: bool = False
    pages: int = 0
    seen_chats: frozenset[bytes] = frozenset()
    seen_cursors: frozenset[bytes] = frozenset()
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class RelinkPosition:
    """Changes of contacts so far, and up to which of them the people of all chats are linked.

    `after` is the last member looked at by a linking that ran out of time, as far as change `towards`.
    """

    changes: int = 0
    linked: int = 0
    towards: int = 0
    after: tuple[str, str] | None = None

    @property
    def is_behind(self) -> bool:
        """Whether contacts have changed since everybody was linked."""
        return self.linked < self.changes


class _Row(Model):
    name = UnicodeAttribute(hash_key=True)
    changes = NumberAttribute(null=True)
    salt = BinaryAttribute(null=True, legacy_encoding=False)
    hashes = BinaryAttribute(null=True, legacy_encoding=False)
    fence = NumberAttribute(null=True)
    held_until = NumberAttribute(null=True, attr_name="heldUntil")
    value = JSONAttribute(null=True)


def short_hash(text: str) -> bytes:
    """Enough to tell some ten thousand chats apart, and to keep them all in one item."""
    return hashlib.sha256(text.encode()).digest()[:_HASH_BYTES]


def _split(hashes: bytes) -> frozenset[bytes]:
    return frozenset(hashes[at : at + _HASH_BYTES] for at in range(0, len(hashes), _HASH_BYTES))


class SyncState:
    """Rows of syncState, one method per thing."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(_Row, table_name=table_name, dynamodb=dynamodb)

    def salt(self) -> bytes:
        """32 random bytes, the same for ever: made by whoever asks first."""
        try:
            self._row(_SALT, salt=secrets.token_bytes(32)).save(condition=_Row.name.does_not_exist())
        except PutError as error:
            if not is_refusal(error):
                raise
        return bytes(self._row.get(_SALT, consistent_read=True).salt)

    def lock(self, *, now: int, milliseconds: int) -> int | None:
        """Be the only run for so long: its fence, larger than any earlier one; None while another runs."""
        row = self._row(_LOCK)
        free = _Row.held_until.does_not_exist() | (_Row.held_until < now)
        take: list[Action] = [_Row.fence.set((_Row.fence | 0) + 1), _Row.held_until.set(now + milliseconds)]
        return int(row.fence) if updated(row, take, free) else None

    def unlock(self, fence: int) -> None:
        """Let the next run begin at once, unless it has begun already."""
        updated(self._row(_LOCK), [_Row.held_until.remove()], _Row.fence == fence)

    def progress(self) -> Progress | None:
        """What the last run left to be done."""
        value = self._value(_PROGRESS)
        if not value:
            return None
        chunks = [bytes(self._row.get(name, consistent_read=True).hashes) for name in value.pop("chunks")]
        cursors, *chats = map(_split, chunks)
        seen_chats = frozenset[bytes]().union(*chats)
        return Progress(**value, seen_cursors=cursors, seen_chats=seen_chats, resumed=True)

    def record_progress(self, progress: Progress, *, fence: int) -> None:
        """The hashes first: what the row names must be there. Raises FencedOffError."""
        seen = sorted(progress.seen_chats)
        parts = [sorted(progress.seen_cursors)]
        parts += [seen[at : at + _HASHES_PER_ITEM] for at in range(0, len(seen), _HASHES_PER_ITEM)]
        names = [f"{_PROGRESS}#{number}" for number in range(len(parts))]
        for name, part in zip(names, parts, strict=True):
            self._save(self._row(name, hashes=b"".join(part)), fence)
        value = asdict(progress)
        del value["seen_chats"], value["seen_cursors"], value["resumed"]
        self._save(self._row(_PROGRESS, value=value | {"chunks": names}), fence)

    def forget_progress(self) -> None:
        self._row(_PROGRESS).delete()

    def synced(self) -> Synced:
        return Synced(**self._value(_SYNCED))

    def record_synced(self, synced: Synced, *, fence: int) -> None:
        """Raises FencedOffError."""
        self._save(self._row(_SYNCED, value=asdict(synced)), fence)

    def origin(self) -> BeeperHealth:
        value = self._value(_ORIGIN)
        return BeeperHealth(**(value | {"state": BeeperState(value["state"])})) if value else BeeperHealth()

    def record_origin(self, state: BeeperState, *, now: int) -> None:
        known = self.origin()
        since = known.since if known.state is state else now
        self._row(_ORIGIN, value=asdict(BeeperHealth(state, since, checked_at=now))).save()

    def count_contact_change(self) -> None:
        """Before the first write of a change and after its last: the next run of sync looks at everybody."""
        self._row(_CONTACTS).update(actions=[_Row.changes.set((_Row.changes | 0) + 1)])

    def linking(self) -> RelinkPosition:
        """How far the people of all chats are linked to contacts."""
        try:
            row = self._row.get(_CONTACTS, consistent_read=True)
        except DoesNotExist:
            return RelinkPosition()
        linked, towards, after = row.value or (0, 0, None)
        return RelinkPosition(int(row.changes or 0), linked, towards, (after[0], after[1]) if after else None)

    def record_linking(self, linking: RelinkPosition, *, fence: int) -> None:
        """Whatever was changed meanwhile stays counted. Raises FencedOffError."""
        value = [linking.linked, linking.towards, linking.after]
        with fenced():
            self._row(_CONTACTS).update(
                actions=[_Row.value.set(value), _Row.fence.set(fence)],
                condition=behind(_Row.fence, fence),
            )

    def statistics(self) -> dict[str, Any]:
        """The last nightly snapshot, empty before the first."""
        return self._value(_STATISTICS)

    def record_statistics(self, statistics: dict[str, Any]) -> None:
        self._row(_STATISTICS, value=statistics).save()

    def _save(self, row: _Row, fence: int) -> None:
        row.fence = fence
        with fenced():
            row.save(condition=behind(_Row.fence, fence))

    def _value(self, name: str) -> dict[str, Any]:
        try:
            value: dict[str, Any] = self._row.get(name, consistent_read=True).value
        except DoesNotExist:
            return {}
        return value
