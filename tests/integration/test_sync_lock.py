"""The lock of sync is held and freed as intended if an answer of DynamoDB is lost."""

from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from imagecache.stores.state.lock import SyncLock
from tests.integration.conftest import NOW, Stack

LEASE_MS = 960_000


class LosingAnswers:
    """A client that sends each request of PynamoDB twice, as if the first answer was lost."""

    _request_signer = None

    def __init__(self, client: Any) -> None:
        self._client = client

    def _make_api_call(self, operation: str, parameters: dict[str, Any]) -> Any:
        with suppress(ClientError):
            self._client._make_api_call(operation, parameters)
        return self._client._make_api_call(operation, parameters)


def lock_of(stack: Stack) -> SyncLock:
    client: Any = LosingAnswers(stack.wiring.client("dynamodb"))
    return SyncLock(table_name=stack.wiring.config.sync_state_table, dynamodb=client)


def test_a_run_whose_acquisition_was_repeated_holds_the_lock(stack: Stack) -> None:
    lock = lock_of(stack)
    held = lock.acquire(now=NOW, lease_ms=LEASE_MS)
    assert held is not None
    assert lock.acquire(now=NOW + 1, lease_ms=LEASE_MS) is None
    assert lock.release(held.fence)
    assert stack.wiring.sync_lock.acquire(now=NOW + 2, lease_ms=LEASE_MS) is not None


def test_a_lock_that_was_freed_by_a_repeated_request_can_be_acquired(stack: Stack) -> None:
    held = stack.wiring.sync_lock.acquire(now=NOW, lease_ms=LEASE_MS)
    assert held is not None
    lock_of(stack).free()
    newer = stack.wiring.sync_lock.acquire(now=NOW + 1, lease_ms=LEASE_MS)
    assert newer is not None
    assert newer.fence > held.fence
    assert not stack.wiring.sync_lock.release(held.fence)
