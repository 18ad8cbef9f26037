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
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.config import Config as BotoConfig

from benchmarks.deployed import counting_clients, deployed_config, deployed_settings
from benchmarks.generated_pages import GeneratedPages
from benchmarks.results import Result, Target
from benchmarks.running import cpu_seconds, peak_megabytes
from benchmarks.stored_state import add_objects, add_rows, opened
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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, size)
        with local_stack(folder) as stack:
            when_filled()
            settings = deployed_settings(stack, "CleanupFunction")
            engine_before = cpu_seconds(stack.engine.child.process_id)
            figures = _run_in_another_process(settings | stack.engine.environment)
            engine_seconds = cpu_seconds(stack.engine.child.process_id) - engine_before
    return figures | {"engineCpuSeconds": round(engine_seconds, 1)}


def _run_in_another_process(environment: Mapping[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.sweep"]
    output = subprocess.run(command, env=os.environ | environment, stdout=subprocess.PIPE, check=True).stdout
    figures: dict[str, Any] = json.loads(output)
    return figures


def fill(folder: Path, size: Size) -> None:
    """Stores rows as sync and the cacher store them, and the objects that they name, in an empty `folder`.

    Afterwards, the folder has the state of a stack that was stopped.
    """
    moment = now()
    image_rows = (_image_row(size, number, moment) for number in range(size.rows))
    member_rows = map(_member_row, size.shown_rows)
    blob_ids = {size.blob_id(number): None for number in range(size.rows)}
    blob_ids |= {f"f{number:063x}": None for number in range(size.unnamed_contents)}
    objects = (key for blob_id in blob_ids for key in object_keys(blob_id))
    first_image, first_member, first_object = next(image_rows), next(member_rows), next(objects)
    with local_stack(folder) as stack:
        wiring = _wiring_of(stack)
        dynamodb = wiring.client("dynamodb")
        dynamodb.put_item(TableName=wiring.config.images_table, Item=first_image)
        dynamodb.put_item(TableName=wiring.config.participants_table, Item=first_member)
        wiring.client("s3").put_object(Bucket=wiring.config.image_bucket, Key=first_object, Body=b"a picture")
        first_chat = size.shown_rows[0] // _MEMBERS_A_CHAT
        last_chat = size.shown_rows[-1] // _MEMBERS_A_CHAT
        chats = [_chat_to_store(number, moment) for number in range(first_chat, last_chat + 1)]
        wiring.chats_table.put(chats, fence=1)
        # Without a recent complete sync, a sweep deletes nothing.
        wiring.last_sync_store.record(LastSync(completed_at=moment + _CLOCK_AHEAD, fence=1))
    with opened(folder) as journal:
        add_rows(journal, image_rows, like=first_image, key=("imageKey",))
        add_rows(journal, member_rows, like=first_member, key=("chatId", "participantId"))
    add_objects(folder, objects, like=first_object)


def _wiring_of(stack: DeployedStack) -> Wiring:
    boto_config = BotoConfig(proxies={}, max_pool_connections=_WRITES_AT_ONCE)
    access = {**stack.engine.access, "config": boto_config}
    config = deployed_config(stack, "CleanupFunction")
    return Wiring(config, make_client=partial(client_maker(), **access), clock=now)


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


def _chat_to_store(number: int, moment: int) -> ChatToStore:
    chat = _chat(number, moment)
    return ChatToStore(
        chat=chat,
        preview_json=preview_of(chat),
        list_fingerprint="l",
        roster_fingerprint="r",
        is_new=True,
    )


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
