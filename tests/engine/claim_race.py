"""`python -m tests.engine.claim_race EMULATOR ROUNDS`, in a network of its own: prints races as JSON.

32 workers claim one image, then, when the winner's lease has lapsed, claim it again; in the end as many ask
the media server's pace for a slot.
"""

import json
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from imagecache.errors import LeaseLostError, OriginClosedError
from imagecache.model.image import Blob, ImageMessage, OriginName
from imagecache.stores.images.claims import Claim, ImageClaims, Won
from imagecache.stores.state.circuits import OriginCircuits
from tests.dynamodb_local.program import dynamodb_local
from tests.tables import create_tables

NOW = 1_800_000_000_000
WORKERS = 32
LEASE_SECONDS = 90
SLOTS_WANTED = 100  # four times as many as the pace has
BLOB = Blob("b10b", "image/png", 10, 64, 64)


def main() -> None:
    emulator, rounds = sys.argv[1:]
    with dynamodb_local(Path(emulator)) as endpoint, ThreadPoolExecutor(WORKERS) as pool:
        dynamodb: Any = boto3.client(
            "dynamodb",
            endpoint_url=endpoint,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(proxies={}, max_pool_connections=WORKERS),
        )
        create_tables(dynamodb, "CachedImagesTable", "SyncStateTable")
        claims = ImageClaims(table_name="CachedImagesTable", dynamodb=dynamodb)
        races = [race(claims, pool, f"beeper.com/race{number}") for number in range(int(rounds))]
        slots = take_slots(OriginCircuits(table_name="SyncStateTable", dynamodb=dynamodb), pool)
    print(json.dumps({"races": races, "slots": slots}))  # noqa: T201 - what the caller reads


def race(claims: ImageClaims, pool: ThreadPoolExecutor, key: str) -> dict[str, Any]:
    """Returns counts of the results before and after the lease has lapsed, and which commits held."""
    together = threading.Barrier(WORKERS)

    def all_claim(now: int) -> list[Claim]:
        def claim(worker: int) -> Claim:
            together.wait()
            message = ImageMessage(key, f"mxc://{key}", now)
            return claims.claim(message, now=now, lease_seconds=LEASE_SECONDS, nonce=f"{worker}.{now}")

        return list(pool.map(claim, range(WORKERS)))

    first = all_claim(NOW)
    second = all_claim(NOW + LEASE_SECONDS * 1000 + 1)
    winners = [claim for claim in (*first, *second) if isinstance(claim, Won)]
    return {
        "first": Counter(type(claim).__name__ for claim in first),
        "second": Counter(type(claim).__name__ for claim in second),
        "attempts": [claim.attempts for claim in winners],
        "committed": [_commits(claims, claim) for claim in winners],
    }


def _commits(claims: ImageClaims, claim: Won) -> bool:
    try:
        claims.commit(claim, BLOB, now=NOW)
    except LeaseLostError:
        return False
    return True


def take_slots(circuits: OriginCircuits, pool: ThreadPoolExecutor) -> list[int]:
    """Returns the moments (ms from now) at which the callers that got a permit may send their requests."""

    def slot(_: int) -> int | None:
        try:
            return circuits.acquire(OriginName.MEDIA_SERVER, now=NOW).at - NOW
        except OriginClosedError:
            return None

    return sorted(at for at in pool.map(slot, range(SLOTS_WANTED)) if at is not None)


if __name__ == "__main__":
    main()
