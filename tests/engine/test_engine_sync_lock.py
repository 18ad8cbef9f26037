"""A start of the local stack releases the lock of a sync that the last stop cut short."""

import boto3

from imagecache.stores.state.lock import SyncLock
from local.deploy import DeployedStack
from local.engine import Engine
from local.stack import release_sync_lock
from tests.integration.conftest import Stack

NOW = 1_750_000_000_000
LEASE = 16 * 60_000


def test_the_next_sync_may_begin_at_once_with_a_newer_fence(stack: Stack, engine_with_tables: Engine) -> None:
    del stack  # this fixture has emptied the tables
    deployed = DeployedStack("imagecache", engine_with_tables, {}, {"SyncStateTable": "SyncStateTable"}, {})
    lock = SyncLock(
        table_name="SyncStateTable", dynamodb=boto3.client("dynamodb", **engine_with_tables.access)
    )
    release_sync_lock(deployed)
    first = lock.acquire(now=NOW, lease_ms=LEASE)
    assert first is not None, "there was no lock, and there is none"
    assert lock.acquire(now=NOW + 1, lease_ms=LEASE) is None, "the lock is held"
    release_sync_lock(deployed)
    second = lock.acquire(now=NOW + 2, lease_ms=LEASE)
    assert second is not None
    assert second.fence > first.fence
