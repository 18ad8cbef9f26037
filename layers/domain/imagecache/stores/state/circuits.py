"""Rows of syncState that keep all workers gentle to an origin: its circuit, and the pace it allows."""

import contextlib
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pynamodb.attributes import NumberAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition

from imagecache.errors import OriginClosedError
from imagecache.model.image import OriginName
from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.conditional import updated
from imagecache.stores.state.row import StateRow as _Row

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_MINUTE = 60_000
_PROBE_LASTS = 30_000
"""Longer than any fetch: a probe whose worker died is followed by another one."""
_BAD_IMAGES_IN_A_ROW = 3
"""Of different images: one that is always late says nothing of the others."""
_LONGEST_OUTAGE_WAIT = 15 * _MINUTE
_ATTEMPTS = 5


class Cause(StrEnum):
    """Why a circuit is open."""

    OUTAGE = "outage"
    FAULTY = "faulty"
    UNAUTHORIZED = "unauthorized"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Pace:
    """GCRA: `burst` requests at once, one every `interval` ms after that, slots given `ahead` ms before.

    Any 60 s, aligned or not, see at most `burst + 60,000 / interval` requests.
    """

    burst: int
    interval: int
    ahead: int


PACES = {OriginName.MEDIA_SERVER: Pace(burst=10, interval=750, ahead=10_000)}
"""The media server allows 100 requests in a minute that begins whenever it likes: at most 90 are sent."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to ask `origin` once, not before `at` (ms). `opened_until` is 0 unless this is a probe."""

    origin: OriginName
    at: int
    opened_until: int = 0
    after_bad_answers: bool = False


class OriginCircuits:
    """One row per origin. Every change is one conditional update: workers may do what they like at once."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(_Row, table_name=table_name, dynamodb=dynamodb)
        self._known_open: dict[OriginName, int] = {}

    def known_open_until(self, origin: OriginName) -> int:
        """What this process last saw, without asking again; 0 closed."""
        return self._known_open.get(origin, 0)

    def admit(self, origin: OriginName, *, now: int) -> Permit:
        """Raises OriginClosedError. Of all who come after the reset of a circuit one is let through."""
        row = self._read(origin)
        seen = int(row.open_until or 0)
        mine = self._probe(origin, seen, now) if seen else 0
        at = self._slot(row, PACES[origin], now) if origin in PACES else now
        return Permit(origin, at, mine, bool(row.bad_images))

    def succeeded(self, passed: Permit) -> None:
        """Closes the circuit that this was a probe of; costs nothing while all is well."""
        if passed.opened_until:
            self._known_open.pop(passed.origin, None)
            reset = [
                _Row.open_until.remove(),
                _Row.cause.remove(),
                _Row.openings.remove(),
                _Row.bad_images.remove(),
            ]
            updated(self._named(passed.origin), reset, _Row.open_until == passed.opened_until)
        elif passed.after_bad_answers:
            updated(self._named(passed.origin), [_Row.bad_images.remove()], _Row.open_until.does_not_exist())

    def answered_badly(self, passed: Permit, image_key: str, *, now: int) -> int:
        """Counts images with a bad answer; several in a row open the circuit. Returns until when, or 0."""
        row = self._named(passed.origin)
        image = hashlib.sha256(image_key.encode()).hexdigest()[:16]
        row.update(actions=[_Row.bad_images.add({image})])
        if passed.opened_until or len(row.bad_images or ()) >= _BAD_IMAGES_IN_A_ROW:
            return self.open(passed.origin, Cause.FAULTY, now=now, probe=passed.opened_until)
        return 0

    def open(
        self, origin: OriginName, cause: Cause, *, now: int, retry_after: int | None = None, probe: int = 0
    ) -> int:
        """Stop everybody, unless somebody already has. `retry_after` in s; returns until when, in ms."""
        row = self._read(origin)
        if row.open_until and row.open_until > now and row.open_until != probe:
            return self._remember(origin, int(row.open_until))
        until = now + _wait(cause, int(row.openings or 0), retry_after)
        actions = [
            _Row.open_until.set(until),
            _Row.cause.set(cause.value),
            _Row.openings.set((_Row.openings | 0) + 1),
            _Row.bad_images.remove(),
        ]
        unchanged = _same(_Row.open_until, row.open_until)
        updated(self._named(origin), actions, unchanged)
        return self._remember(origin, until)

    def _probe(self, origin: OriginName, seen: int, now: int) -> int:
        mine = now + _PROBE_LASTS
        if seen > now:
            raise OriginClosedError(self._remember(origin, seen), outage=True)
        if not updated(self._named(origin), [_Row.open_until.set(mine)], _Row.open_until == seen):
            raise OriginClosedError(self._remember(origin, mine), outage=True)
        return mine

    def _slot(self, row: _Row, pace: Pace, now: int) -> int:
        """The moment of the next free slot, which is taken by one conditional update."""
        for _ in range(_ATTEMPTS):
            seen = int(row.next_slot_at or 0)
            # A slot further away than is ever given is a clock's mistake.
            following = now if seen > now + 10 * _MINUTE else max(seen, now)
            at = max(now, following - (pace.burst - 1) * pace.interval)
            if at > now + pace.ahead:
                raise OriginClosedError(at, outage=False)
            taken = [_Row.next_slot_at.set(following + pace.interval)]
            if updated(row, taken, _same(_Row.next_slot_at, row.next_slot_at)):
                return at
            row = self._row.get(row.name, consistent_read=True)
        raise OriginClosedError(now + pace.interval, outage=False)

    def _read(self, origin: OriginName) -> _Row:
        row = self._named(origin)
        with contextlib.suppress(DoesNotExist):
            row.refresh(consistent_read=True)
        return row

    def _named(self, origin: OriginName) -> _Row:
        return self._row(f"origin#{origin.value}")

    def _remember(self, origin: OriginName, until: int) -> int:
        self._known_open[origin] = until
        return until


def _wait(cause: Cause, openings: int, retry_after: int | None) -> int:
    if retry_after is not None:
        return max(retry_after, 1) * 1000
    match cause:
        case Cause.BUSY:
            return _MINUTE  # the media server's window; it says no Retry-After
        case Cause.FAULTY:
            return _MINUTE  # never longer: it may be the images, and others wait behind them
        case Cause.UNAUTHORIZED:
            return _LONGEST_OUTAGE_WAIT  # a person must act
        case Cause.OUTAGE:
            return int(min(_MINUTE * 2 ** min(openings, 10), _LONGEST_OUTAGE_WAIT))


def _same(attribute: NumberAttribute, seen: float | None) -> Condition:
    condition: Condition = attribute.does_not_exist() if seen is None else attribute == seen
    return condition
