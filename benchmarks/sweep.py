"""`make bench ONLY=sweep`: 100,000 rows swept on the embedded engine, in a process of its own.

What the deployed function runs, with the deployed function's own settings, two days after everything was
stored: how long, how much memory at its peak, and how many requests of each kind.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config as BotoConfig

from benchmarks.deployed import deployed_settings
from imagecache.clock import DAY, now
from imagecache.config import Config
from imagecache.model.chat import Chat
from imagecache.rules.time_budget import TimeBudget
from imagecache.stores.blobs import object_keys
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.previews import preview_of
from imagecache.stores.state.sync_state import Synced, SyncState
from imagecache.wiring import Wiring
from local.deploy import Stack
from local.stack import local_stack

_ROWS, _DUE, _ORPHANS, _CONTENTS, _UNNAMED, _MEMBERS = 100_000, 500, 1_000, 10_000, 100, 97
_AT_ONCE = 8


def key(number: int) -> str:
    return f"local.beeper.com/alex_{number:022}"


def blob(number: int) -> str:
    """What is due has content of its own; the others are ten to a content."""
    return f"{number if number < _DUE else _DUE + number % _CONTENTS:064x}"


def _image(number: int, moment: int) -> dict[str, Any]:
    orphaned = {"orphanedAt": {"N": str(moment - 31 * DAY)}} if number < _DUE else {}
    times = {name: {"N": str(moment)} for name in ("cachedAt", "checkedAt")}
    sizes = {name: {"N": "20000"} for name in ("fileSize", "width", "height")}
    return {
        "imageKey": {"S": key(number)},
        "sourceUrl": {"S": f"mxc://{key(number)}"},
        "status": {"S": "cached"},
        "blobId": {"S": blob(number)},
        "contentType": {"S": "image/jpeg"},
        "view": {"S": json.dumps([blob(number), 640, 480, "3OcRJYB4d3h/iIeHeEh3eIhw+j2w", "#204060"])},
        "history": {"S": json.dumps([[moment, "beeper", "20000 bytes"]])},
        **times,
        **sizes,
        **orphaned,
    }


def _member(number: int) -> dict[str, Any]:
    return {
        "chatId": {"S": f"!{number // _MEMBERS}"},
        "participantId": {"S": f"@{number}"},
        "fullName": {"S": f"Person {number}"},
        "sourceUrl": {"S": f"mxc://{key(number)}"},
        "imageKey": {"S": key(number)},
        "isSelf": {"BOOL": False},
        "isNetworkBot": {"BOOL": False},
        "syncedBy": {"N": "1"},
    }


def _chat(number: int, moment: int) -> Chat:
    return Chat(
        chat_id=f"!{number}",
        account_id="whatsapp",
        network="WhatsApp",
        type="group",
        title=f"Chat {number}",
        description=None,
        last_activity=moment - number,
        unread_count=0,
        is_archived=False,
        is_muted=False,
        is_pinned=False,
        last_message=None,
        merged_into=None,
        source_url=None,
        image=None,
        participants=(),
        participant_count=_MEMBERS,
        has_more_participants=True,
    )


def fill(stack: Stack, config: Config) -> None:
    """Rows as sync and the cacher leave them, and an object for each that they name."""
    access = {**stack.engine.access, "config": BotoConfig(proxies={}, max_pool_connections=_AT_ONCE)}
    dynamodb: Any = boto3.client("dynamodb", **access)
    s3: Any = boto3.client("s3", **access)
    moment = now()
    chats = ChatsTable(table_name=config.chats_table, dynamodb=dynamodb)
    shown = range(_DUE + _ORPHANS, _ROWS)

    def put(table: str, items: list[dict[str, Any]]) -> None:
        requests = {table: [{"PutRequest": {"Item": item}} for item in items]}
        while requests:
            requests = dynamodb.batch_write_item(RequestItems=requests)["UnprocessedItems"]

    def store(blob_id: str) -> None:
        for name in object_keys(blob_id):
            s3.put_object(Bucket=config.image_bucket, Key=name, Body=b"a picture")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        images = _batches(_image(number, moment) for number in range(_ROWS))
        _all(pool.map(lambda items: put(config.images_table, items), images))
        _all(pool.map(lambda items: put(config.participants_table, items), _batches(map(_member, shown))))
        named = {blob(number) for number in range(_ROWS)}
        _all(pool.map(store, [*sorted(named), *(f"f{number:063x}" for number in range(_UNNAMED))]))
    prints = {"list_fingerprint": "l", "roster_fingerprint": "r"}
    for number in range(shown[0] // _MEMBERS, shown[-1] // _MEMBERS + 1):
        chat = _chat(number, moment)
        chats.put(chat, preview=preview_of(chat), fence=1, **prints)
    state = SyncState(table_name=config.sync_state_table, dynamodb=dynamodb)
    state.record_synced(replace(Synced(), completed_at=moment + 2 * DAY), fence=1)


def _batches(items: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """As many as BatchWriteItem takes."""
    batch: list[dict[str, Any]] = []
    for item in items:
        batch.append(item)
        if len(batch) == 25:
            yield batch
            batch = []
    if batch:
        yield batch


def _all(results: Iterable[None]) -> None:
    for _ in results:
        pass


def swept() -> dict[str, Any]:
    """In the process that is measured: the function's use case, its AWS calls counted."""
    calls = Counter[str]()

    def client(service: str) -> Any:
        made: Any = boto3.client(service)  # type: ignore[call-overload]  # a name that varies
        made.meta.events.register("before-call.*.*", lambda model, **_: calls.update([model.name]))
        return made

    wiring = Wiring(Config.from_env(os.environ), make_client=client, clock=lambda: now() + 2 * DAY)
    sweep_jobs = wiring.sweep_jobs
    before, began = _peak_megabytes(), time.monotonic()
    job = sweep_jobs.work_on(sweep_jobs.job_id({}), TimeBudget(lambda: 900_000, reserve_ms=60_000))
    return {
        "seconds": round(time.monotonic() - began, 1),
        "peakMegabytes": _peak_megabytes(),
        "megabytesBefore": before,
        "awsCalls": dict(sorted(calls.items())),
        "status": job.status,
        **job.result,
    }


def _peak_megabytes() -> int:
    """Of this process alone: what getrusage tells is inherited from the one that started it."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1024


def run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, local_stack(Path(folder)) as stack:
        settings = deployed_settings(stack, "CleanupFunction")
        fill(stack, Config.from_env(settings))
        environment = os.environ | settings | stack.engine.environment
        child = subprocess.run(
            [sys.executable, "-m", "benchmarks.sweep"], env=environment, capture_output=True, check=True
        )
        told: dict[str, Any] = json.loads(child.stdout)
        return told


if __name__ == "__main__":
    sys.stdout.write(json.dumps(swept()))
