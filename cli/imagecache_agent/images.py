"""Takes images from the queue and caches them, as Lambda's event source and functions/cacher do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event

from imagecache.errors import StoreUnavailableError
from imagecache.failure_log import failure_fields
from imagecache.sources.transport import KeptConnections
from imagecache.usecases.caching.cache_batch import Delivery, count_results
from imagecache.wiring import Wiring
from imagecache_agent.elapsed import Elapsed
from imagecache_agent.in_flight import InFlight
from imagecache_agent.log import Log
from imagecache_agent.metrics import Counts

# A message is delivered again after the lease of its image has ended, and not before.
_AFTER_THE_LEASE_MS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageWork:
    """Caches the images of one batch after the other.

    `secrets` returns the tokens of the origins, which are read for each batch because they may be replaced.
    Once `stopping` is set, no further image of a batch is begun: its message is sent again. `report` is
    called with the deliveries of each batch.
    """

    wiring: Wiring
    secrets: Callable[[], Mapping[str, str]] = field(repr=False)
    seconds: Callable[[], float]
    stopping: Event
    counts: Counts
    log: Log
    in_flight: InFlight
    connections: KeptConnections
    wait_seconds: int
    report: Callable[[list[Delivery]], None]

    def step(self) -> None:
        """Waits for a batch, and works on it, unless the agent stops meanwhile. Raises StoreUnavailableError.

        Messages whose work is done are deleted from the queue. SQS delivers the others again, and moves a
        message to the dead-letter queue after five deliveries.
        """
        queue = self.wiring.images_queue
        records = queue.receive(wait_seconds=self.wait_seconds, hidden_ms=hidden_ms(self.wiring))
        if not records:
            return
        handles = {record["messageId"]: record["receiptHandle"] for record in records}
        if self.stopping.is_set():
            for handle in handles.values():
                queue.hide(handle, milliseconds=0)
            return
        elapsed = Elapsed(self.wiring.clock, self.seconds)
        # As on AWS, where a function ends before the leases of its images: two thirds are 60 of 90 s.
        budget_ms = self.wiring.config.claim_lease_seconds * 1000 * 2 // 3

        def remaining_ms() -> int:
            return 0 if self.stopping.is_set() else max(budget_ms - elapsed.milliseconds(), 0)

        self.in_flight.add(handles.values())
        try:
            with self.connections.session(clock=self.wiring.clock) as session:
                cacher = self.wiring.batch_cacher(self.secrets(), session)
                deliveries = cacher.cache(records, remaining_ms=remaining_ms)
        finally:
            self.in_flight.remove(handles.values())
        self._log(deliveries)
        queue.delete([handles[delivery.message_id] for delivery in deliveries if not delivery.error])
        self.report(deliveries)
        self.counts.put(count_results(deliveries))
        for delivery in deliveries:
            if isinstance(delivery.error, StoreUnavailableError):
                raise delivery.error

    def _log(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            fields = delivery.for_log()
            if delivery.unexpected_error:
                fields |= failure_fields(delivery.unexpected_error)
            self.log.line("image", fields)


def hidden_ms(wiring: Wiring) -> int:
    """Returns for how long (ms) a received message is hidden, unless it is hidden for longer meanwhile."""
    return wiring.config.claim_lease_seconds * 1000 + _AFTER_THE_LEASE_MS
