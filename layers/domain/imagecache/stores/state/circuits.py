"""Rows of syncState that limit the requests to each origin: a circuit, and for some origins a pace.

An origin may be a laptop, and many workers fetch from it at once. All workers share one row for each origin,
so that together they do not exceed the origin's rate limit, and send nothing while the origin is down.

The circuit works like a fuse. It is closed while the origin works. While it is open, no worker may send a
request before `openUntil`. After that moment one worker may send one request, the probe, and its outcome
closes the circuit or opens it again.

No single image can open the circuit. It opens if there is no connection to the origin, if the origin refuses
the token for a check as well, if it answers a check with 429, and if three different images in a row were not
served while the origin did not answer a check, either. `usecases/caching/fetch_image.py` decides which of
these has happened.

The pace is GCRA, the generic cell rate algorithm. It assigns each request a slot, one every interval.
`nextSlotAt` is the next free slot, and every permit moves it one interval further. A request may be sent up
to `burst - 1` intervals before its slot, so after a pause up to `burst` requests may be sent at once. If the
earliest moment for a request is in the future, the worker waits until then.
"""

import contextlib
import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from pynamodb.attributes import NumberAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition

from imagecache.aws_errors import aws_errors_translated
from imagecache.errors import OriginClosedError
from imagecache.model.image import OriginName
from imagecache.stores.dynamodb import bound, updated
from imagecache.stores.state.row import StateRow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_MINUTE_MS = 60_000
# Longer than any fetch. If the worker that sends a probe dies, another probe is allowed after this time.
_PROBE_LASTS_MS = 30_000
# The number of different images that opens a circuit if no other image was served in between. With fewer, the
# images may be the cause although the check failed, for example where a tunnel lets only images through.
_IMAGES_TO_OPEN = 3
_LONGEST_OUTAGE_WAIT_MS = 15 * _MINUTE_MS
# A slot further in the future than this was taken by a process whose clock is wrong, and is ignored.
_IMPLAUSIBLE_SLOT_MS = 10 * _MINUTE_MS
_ATTEMPTS_FOR_A_SLOT = 5
_MOST_ANSWER_CHARS = 100
# For so long a process does not ask again whether a circuit is still closed. Requests that were sent before
# another worker has opened it are on their way for longer.
_CLOSED_FOR_MS = 1_000


class Cause(StrEnum):
    """The reason why a circuit is open."""

    OUTAGE = "outage"
    UNAUTHORIZED = "unauthorized"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Pace:
    """The rate limit of an origin: one request every `interval_ms`, and `burst` at once after a pause.

    Any period of 60 s contains at most `burst + 60,000 / interval_ms` requests. A permit may be given up to
    `ahead_ms` before its request may be sent; the worker waits for the rest.
    """

    burst: int
    interval_ms: int
    ahead_ms: int


MEDIA_ORIGINS = (OriginName.BEEPER, OriginName.MEDIA_SERVER)
"""The origins that have a circuit."""

PACES = {OriginName.MEDIA_SERVER: Pace(burst=10, interval_ms=750, ahead_ms=10_000)}
"""The pace of each origin that has a rate limit. Beeper itself has none.

The media server refuses more than 100 requests a minute, and does not document when its minute begins. With
this pace any period of 60 s contains at most 90 requests.
"""


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to send one request to `origin`, not before `at` (ms).

    `opened_until` is 0, unless the request is a probe: then it is the `openUntil` that `acquire` has written
    for the probe. `after_failures` means that the origin has served nothing since a check of it failed.
    """

    origin: OriginName
    at: int
    opened_until: int = 0
    after_failures: bool = False


@dataclass(frozen=True, slots=True)
class OpenCircuit:
    """An open circuit: no request is sent before `until` (ms). `answer` is the answer that opened it."""

    origin: OriginName
    until: int
    cause: Cause
    answer: str = ""


class OriginCircuits:
    """The circuit and the pace of each origin. Times are in ms.

    Every change is one conditional update, so that many workers may use the methods at once. Every method but
    `known_open_until` raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)
        self._known_open: dict[OriginName, OpenCircuit] = {}
        self._found_closed_at: dict[OriginName, int] = {}

    def known_open_until(self, origin: OriginName) -> int:
        """Returns the time (ms) until which the circuit is open, or 0 if it is closed.

        This is what the process has read last. Another worker may have changed it since.
        """
        known = self._known_open.get(origin)
        return known.until if known else 0

    def open_circuits(self, *, now: int) -> list[OpenCircuit]:
        """Returns the circuits of Beeper's media that are open now, by one read for each origin."""
        rows = {origin: self._read(origin) for origin in MEDIA_ORIGINS}
        return [_open_circuit(origin, row) for origin, row in rows.items() if (row.open_until or 0) > now]

    def acquire(self, origin: OriginName, *, now: int) -> Permit:
        """Returns a permit for one request.

        Raises OriginClosedError if the circuit is open, or if the request would have to wait longer than the
        pace's `ahead_ms`. After `openUntil`, one caller gets a permit for a probe and all others get the
        error. Of an origin without a pace, a closed circuit is read once a second, not for each request.
        """
        if self._is_known_closed(origin, now):
            return Permit(origin, now)
        row = self._read(origin)
        probe_until = 0
        if row.open_until:
            probe_until = self._begin_probe(_open_circuit(origin, row), now)
        else:
            self._known_open.pop(origin, None)
            if not row.bad_images and origin not in PACES:
                self._found_closed_at[origin] = now
        at = self._take_slot(row, PACES[origin], now) if origin in PACES else now
        return Permit(origin, at, probe_until, after_failures=bool(row.bad_images))

    def take_slot_now(self, origin: OriginName, *, now: int) -> bool:
        """Takes a slot of the pace for a request that is not for an image, and returns True.

        Returns False if that request would have to wait. A request to an origin without a pace never waits.
        """
        if origin not in PACES:
            return True
        try:
            self._take_slot(self._read(origin), replace(PACES[origin], ahead_ms=0), now)
        except OriginClosedError:
            return False
        return True

    def succeeded(self, permit: Permit) -> None:
        """Records that the origin served a request, or answered a check.

        Closes the circuit if the request was the probe. A request that was sent before this process found
        the circuit open because of an outage closes it, too: the outage is over. Writes nothing if the
        circuit was closed and no check had failed.
        """
        known = self._known_open.get(permit.origin)
        if permit.opened_until:
            self._close(permit.origin, permit.opened_until)
        elif known and known.cause is Cause.OUTAGE:
            self._close(permit.origin, known.until)
        elif permit.after_failures:
            updated(
                self._named(permit.origin),
                [StateRow.bad_images.remove()],
                StateRow.open_until.does_not_exist(),
            )

    def not_served(
        self, permit: Permit, image_key: str, answer: str, *, now: int, check_was_refused: bool = False
    ) -> int:
        """Records that an image was not served, and that a check of the origin failed with `answer`.

        Returns the time (ms) until which the circuit is open, or 0 if it was not opened. Three different
        images open the circuit if no other image was served in between. A single image opens it if its
        request was the probe, unless `check_was_refused`: a login in the way of the check does not show that
        the origin is down. The next probe is then sent as soon as this one would have ended.
        """
        self._found_closed_at.pop(permit.origin, None)
        row = self._named(permit.origin)
        image = hashlib.sha256(image_key.encode()).hexdigest()[:16]
        with aws_errors_translated():
            row.update(actions=[StateRow.bad_images.add({image})])
        is_failed_probe = bool(permit.opened_until) and not check_was_refused
        if is_failed_probe or len(row.bad_images or ()) >= _IMAGES_TO_OPEN:
            return self.open(permit.origin, Cause.OUTAGE, answer, now=now, probe=permit.opened_until)
        return 0

    def open(
        self,
        origin: OriginName,
        cause: Cause,
        answer: str = "",
        *,
        now: int,
        retry_after: int | None = None,
        probe: int = 0,
    ) -> int:
        """Opens the circuit, unless it is open already. Returns the time (ms) until which it is open.

        `retry_after` is the number of seconds that the origin asked to wait, if it did. `probe` must be the
        `opened_until` of the permit: a failed probe may extend the time of the circuit that is already open.
        """
        row = self._read(origin)
        if row.open_until and row.open_until > now and row.open_until != probe:
            return self._remember(_open_circuit(origin, row))
        until = now + _wait_ms(cause, int(row.openings or 0), retry_after)
        actions = [
            StateRow.open_until.set(until),
            StateRow.cause.set(cause.value),
            StateRow.answer.set(answer[:_MOST_ANSWER_CHARS]),
            StateRow.openings.set((StateRow.openings | 0) + 1),
            StateRow.bad_images.remove(),
        ]
        # If another worker has opened the circuit since the read, the time which that worker wrote stays.
        updated(self._named(origin), actions, _equals(StateRow.open_until, row.open_until))
        return self._remember(OpenCircuit(origin, until, cause))

    def _is_known_closed(self, origin: OriginName, now: int) -> bool:
        found_at = self._found_closed_at.get(origin)
        return found_at is not None and 0 <= now - found_at < _CLOSED_FOR_MS

    def _close(self, origin: OriginName, open_until: int) -> None:
        """Closes the circuit, unless another worker has given it another `openUntil`."""
        self._known_open.pop(origin, None)
        close = [
            StateRow.open_until.remove(),
            StateRow.cause.remove(),
            StateRow.answer.remove(),
            StateRow.openings.remove(),
            StateRow.bad_images.remove(),
        ]
        updated(self._named(origin), close, StateRow.open_until == open_until)

    def _begin_probe(self, circuit: OpenCircuit, now: int) -> int:
        """Starts the probe of an open circuit. Returns the new `openUntil`, until which others are refused.

        Raises OriginClosedError if it is too early for a probe, or if another worker has started one.
        """
        probe_until = now + _PROBE_LASTS_MS
        if circuit.until > now:
            raise OriginClosedError(self._remember(circuit), outage=True)
        if not updated(
            self._named(circuit.origin),
            [StateRow.open_until.set(probe_until)],
            StateRow.open_until == circuit.until,
        ):
            raise OriginClosedError(self._remember(replace(circuit, until=probe_until)), outage=True)
        return probe_until

    def _take_slot(self, row: StateRow, pace: Pace, now: int) -> int:
        """Takes the next slot by a conditional update. Returns when (ms) the request may be sent.

        Raises OriginClosedError if that is too far in the future, or if other workers took the slot five
        times.
        """
        for _ in range(_ATTEMPTS_FOR_A_SLOT):
            next_slot = int(row.next_slot_at or 0)
            if next_slot > now + _IMPLAUSIBLE_SLOT_MS:
                next_slot = now
            next_slot = max(next_slot, now)
            at = max(now, next_slot - (pace.burst - 1) * pace.interval_ms)
            if at > now + pace.ahead_ms:
                raise OriginClosedError(at, outage=False)
            take = [StateRow.next_slot_at.set(next_slot + pace.interval_ms)]
            if updated(row, take, _equals(StateRow.next_slot_at, row.next_slot_at)):
                return at
            row = self._row.get(row.name, consistent_read=True)
        raise OriginClosedError(now + pace.interval_ms, outage=False)

    def _read(self, origin: OriginName) -> StateRow:
        row = self._named(origin)
        with contextlib.suppress(DoesNotExist):
            row.refresh(consistent_read=True)
        return row

    def _named(self, origin: OriginName) -> StateRow:
        return self._row(f"origin#{origin.value}")

    def _remember(self, circuit: OpenCircuit) -> int:
        self._found_closed_at.pop(circuit.origin, None)
        self._known_open[circuit.origin] = circuit
        return circuit.until


def _open_circuit(origin: OriginName, row: StateRow) -> OpenCircuit:
    """Returns the circuit in a row that has `openUntil`. A cause of an older version counts as an outage."""
    causes = {cause.value: cause for cause in Cause}
    cause = causes.get(row.cause or "", Cause.OUTAGE)
    return OpenCircuit(origin, int(row.open_until), cause, row.answer or "")


def _wait_ms(cause: Cause, openings: int, retry_after: int | None) -> int:
    """Returns for how many ms a circuit opens. Every outage in a row doubles the wait, up to 15 minutes."""
    if retry_after is not None:
        return max(retry_after, 1) * 1000
    match cause:
        case Cause.BUSY:
            return _MINUTE_MS  # the media server counts requests by the minute and sends no Retry-After
        case Cause.UNAUTHORIZED:
            return _LONGEST_OUTAGE_WAIT_MS  # until a person acts
        case Cause.OUTAGE:
            return int(min(_MINUTE_MS * 2 ** min(openings, 10), _LONGEST_OUTAGE_WAIT_MS))


def _equals(attribute: NumberAttribute, value: float | None) -> Condition:
    """Returns the condition that the attribute has this value, or is absent if `value` is None."""
    condition: Condition = attribute.does_not_exist() if value is None else attribute == value
    return condition
