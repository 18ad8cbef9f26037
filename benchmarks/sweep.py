"""`make bench ONLY=sweep` sweeps 1,000 and 100,000 rows on the embedded engine.

A sweep runs in a process of its own, with the settings of the deployed function and a clock that is two days
ahead. The figures say how long it takes, how much CPU time it and the engine use, how much memory it needs at
its peak, and how many requests of each kind it sends. How much memory 1,000,000 images need is measured with
generated pages in place of tables and a bucket (see `benchmarks.generated_pages`); there, nothing is due.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.config import Config as BotoConfig

from benchmarks.deployed import counting_clients, deployed_settings
from benchmarks.generated_pages import GeneratedPages
from benchmarks.results import Result, Target
from benchmarks.running import cpu_seconds, peak_megabytes
from imagecache.aws_clients import client_maker
from imagecache.aws_requests import function_clients
from imagecache.clock import DAY, now
from imagecache.config import Config
from imagecache.model.chat import Chat
from imagecache.model.job import CleanupOrder, Job
from imagecache.rules.time_budget import TimeBudget
from imagecache.stores.blobs import object_keys
from imagecache.stores.chats.chats import ChatToStore, preview_of
from imagecache.stores.state.last_sync import LastSync
from imagecache.wiring import Wiring
from local.deploy import DeployedStack
from local.engine import REGION
from local.stack import local_stack
from tests.settings import config_with

_WRITES_AT_ONCE = 8
_ROWS_A_WRITE = 25  # the most that BatchWriteItem accepts
_TIME_LIMIT_MS = 900_000
_CLOCK_AHEAD = 2 * DAY
_ORPHANED_SINCE = 31 * DAY  # longer than the grace
_MEMBERS_A_CHAT = 97


@dataclass(frozen=True, slots=True)
class Size:
    """The number of rows in cachedImages, and what is special about them.

    The first `due` rows are orphans that are deleted; each has content of its own. The next `orphans` rows
    are not shown by a chat either, but are not marked yet. All rows but the first `due` share `contents`
    different contents. `unnamed_contents` are stored although no row names them.
    """

    rows: int = 100_000
    due: int = 500
    orphans: int = 1_000
    contents: int = 10_000
    unnamed_contents: int = 100

    @property
    def shown_rows(self) -> range:
        """The numbers of the rows that a member of a chat shows."""
        return range(self.due + self.orphans, self.rows)

    def blob_id(self, number: int) -> str:
        """Returns the id of the content of a row."""
        return f"{number if number < self.due else self.due + number % self.contents:064x}"


_FULL_SIZE = Size()
_MOST_IMAGES = 1_000_000
_GENERATED = "GENERATED_IMAGES"
"""The variable of the environment with the number of images of generated pages."""
_SMALL_SIZE = Size(rows=1_000, due=5, orphans=10, contents=100, unnamed_contents=1)


def run(sizes: Sequence[Size] = (_SMALL_SIZE, _FULL_SIZE), images: int = _MOST_IMAGES) -> Result:
    """Returns the figures of one sweep of each size, and of one of generated pages with so many images.

    The last one runs while the tables of the largest size are filled, which takes longer. Both use one
    processor.
    """
    sweeps = [_measure(size) for size in sizes[:-1]]
    with ThreadPoolExecutor(1) as pool:
        generated = pool.submit(_run_in_another_process, {_GENERATED: str(images)})
        largest = _measure(sizes[-1], when_filled=generated.result)
    return Result(
        {"sizes": [*sweeps, largest, generated.result()]},
        [
            Target(f"sweep of {largest['rows']:,} rows", 90, largest["seconds"], "s", takes_time=True),
            Target("the memory of this sweep at its peak", 150, largest["peakMegabytes"], "MB"),
        ],
    )


def _measure(size: Size, when_filled: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Fills a new stack, calls `when_filled`, sweeps in another process, and returns the figures."""
    with tempfile.TemporaryDirectory() as folder, local_stack(Path(folder)) as stack:
        settings = deployed_settings(stack, "CleanupFunction")
        _fill(stack, Config.from_env(settings), size)
        when_filled()
        engine_before = cpu_seconds(stack.engine.child.process_id)
        figures = _run_in_another_process(settings | stack.engine.environment)
        engine_seconds = cpu_seconds(stack.engine.child.process_id) - engine_before
        return figures | {"engineCpuSeconds": round(engine_seconds, 1)}


def _run_in_another_process(environment: Mapping[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.sweep"]
    output = subprocess.run(command, env=os.environ | environment, stdout=subprocess.PIPE, check=True).stdout
    figures: dict[str, Any] = json.loads(output)
    return figures


def _fill(stack: DeployedStack, config: Config, size: Size) -> None:
    """Writes rows as sync and the cacher write them, and the objects that they name."""
    boto_config = BotoConfig(proxies={}, max_pool_connections=_WRITES_AT_ONCE)
    access = {**stack.engine.access, "config": boto_config}
    wiring = Wiring(config, make_client=partial(client_maker(), **access), clock=now)
    dynamodb = wiring.client("dynamodb")
    s3 = wiring.client("s3")
    moment = now()

    def put_rows(table: str, items: list[dict[str, Any]]) -> None:
        requests = {table: [{"PutRequest": {"Item": item}} for item in items]}
        while requests:
            answer = dynamodb.batch_write_item(RequestItems=requests)
            requests = answer["UnprocessedItems"]

    def put_objects(blob_id: str) -> None:
        for name in object_keys(blob_id):
            s3.put_object(Bucket=config.image_bucket, Key=name, Body=b"a picture")

    image_rows = (_image_row(size, number, moment) for number in range(size.rows))
    member_rows = map(_member_row, size.shown_rows)
    named_contents = {size.blob_id(number) for number in range(size.rows)}
    unnamed_contents = [f"f{number:063x}" for number in range(size.unnamed_contents)]
    with ThreadPoolExecutor(_WRITES_AT_ONCE) as pool:
        _finish(pool.map(lambda items: put_rows(config.images_table, items), _batches(image_rows)))
        _finish(pool.map(lambda items: put_rows(config.participants_table, items), _batches(member_rows)))
        _finish(pool.map(put_objects, [*sorted(named_contents), *unnamed_contents]))
    first_chat = size.shown_rows[0] // _MEMBERS_A_CHAT
    last_chat = size.shown_rows[-1] // _MEMBERS_A_CHAT
    for number in range(first_chat, last_chat + 1):
        chat = _chat(number, moment)
        to_store = ChatToStore(
            chat=chat, preview_json=preview_of(chat), list_fingerprint="l", roster_fingerprint="r"
        )
        wiring.chats_table.put([to_store], fence=1)
    # Without a recent complete sync, a sweep deletes nothing.
    wiring.last_sync_store.record(LastSync(completed_at=moment + _CLOCK_AHEAD, fence=1))


def _image_key(number: int) -> str:
    return f"local.beeper.com/alex_{number:022}"


def _image_row(size: Size, number: int, moment: int) -> dict[str, Any]:
    orphaned = {"orphanedAt": {"N": str(moment - _ORPHANED_SINCE)}} if number < size.due else {}
    times = {name: {"N": str(moment)} for name in ("cachedAt", "checkedAt")}
    sizes = {name: {"N": "20000"} for name in ("fileSize", "width", "height")}
    blob_id = size.blob_id(number)
    return {
        "imageKey": {"S": _image_key(number)},
        "sourceUrl": {"S": f"mxc://{_image_key(number)}"},
        "status": {"S": "cached"},
        "blobId": {"S": blob_id},
        "contentType": {"S": "image/jpeg"},
        "view": {"S": json.dumps([blob_id, 640, 480, "3OcRJYB4d3h/iIeHeEh3eIhw+j2w", "#204060"])},
        "history": {"S": json.dumps([[moment, "beeper", "20000 bytes"]])},
        **times,
        **sizes,
        **orphaned,
    }


def _member_row(number: int) -> dict[str, Any]:
    return {
        "chatId": {"S": f"!{number // _MEMBERS_A_CHAT}"},
        "participantId": {"S": f"@{number}"},
        "fullName": {"S": f"Person {number}"},
        "sourceUrl": {"S": f"mxc://{_image_key(number)}"},
        "imageKey": {"S": _image_key(number)},
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
        participant_count=_MEMBERS_A_CHAT,
        roster_is_partial=True,
    )


def _batches(items: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for item in items:
        batch.append(item)
        if len(batch) == _ROWS_A_WRITE:
            yield batch
            batch = []
    if batch:
        yield batch


def _finish(results: Iterable[None]) -> None:
    """Waits for all results of a pool. An error in one of them is raised here."""
    for _ in results:
        pass


def _sweep_in_this_process() -> dict[str, Any]:
    """Sweeps what the environment describes, and returns the figures of this process."""
    calls = Counter[str]()
    if images := os.environ.get(_GENERATED):
        access = {"region_name": REGION, "aws_access_key_id": "none", "aws_secret_access_key": "none"}
        counting = counting_clients(calls, partial(client_maker(), **access))
        make_client = GeneratedPages(int(images)).clients(counting)
    else:
        make_client = counting_clients(calls, function_clients(os.environ, clock=now))
    config = config_with(writes_at_once=_WRITES_AT_ONCE) if images else Config.from_env(os.environ)
    wiring = Wiring(config, make_client=make_client, clock=lambda: now() + _CLOCK_AHEAD)
    megabytes_before = peak_megabytes()
    started, cpu_started = time.monotonic(), time.process_time()
    counts = _sweep(wiring) if not images else _sweep_without_a_row_for_the_job(wiring)
    return {
        "seconds": round(time.monotonic() - started, 1),
        "cpuSeconds": round(time.process_time() - cpu_started, 1),
        "peakMegabytes": peak_megabytes(),
        "megabytesBefore": megabytes_before,
        "awsCalls": dict(sorted(calls.items())),
        **counts,
    }


def _sweep(wiring: Wiring) -> dict[str, Any]:
    job_runner = wiring.job_runner
    time_budget = TimeBudget(lambda: _TIME_LIMIT_MS, reserve_ms=60_000)
    job_id = job_runner.job_id({}, scheduled=CleanupOrder())
    job = job_runner.run(job_id, wiring.sweep.run, time_budget)
    return {"status": job.status, **job.result}


def _sweep_without_a_row_for_the_job(wiring: Wiring) -> dict[str, Any]:
    """Sweeps without recording the progress, which generated pages do not keep."""
    job = Job("generated", CleanupOrder(), created_at=wiring.clock(), updated_at=wiring.clock())
    counts: Counter[str] = Counter()
    for step in wiring.sweep.run(job):
        counts.update(step.counts)
    return dict(counts)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_sweep_in_this_process()))
