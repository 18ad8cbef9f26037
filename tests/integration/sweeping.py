"""Helpers for tests of the sweep: they fill a stack, sweep it, and look at the result."""

import io
import itertools
from dataclasses import replace
from typing import Any

from PIL import Image

from imagecache.imaging.pictures import render
from imagecache.model.chat import Chat
from imagecache.model.image import Blob
from imagecache.model.job import CleanupOrder, Job, new_job
from imagecache.rules.time_budget import TimeBudget
from imagecache.stores.blobs import blob_id
from imagecache.stores.state.lock import SyncRecords
from imagecache.usecases.upkeep.sweep_cache import Sweep
from tests.integration.conftest import Stack
from tests.integration.made import CHAT, person, put, request

DAY = 24 * 3_600_000
PLENTY_OF_TIME = TimeBudget(lambda: 900_000, reserve_ms=60_000)
NO_TIME = TimeBudget(lambda: 50_000, reserve_ms=60_000)
_job_numbers = itertools.count()


def sweep_of(stack: Stack, *, refetch_media_after: int = 0, active_within_days: int = 0) -> Sweep:
    sweep = stack.wiring.sweep
    row_sweeper = replace(sweep.row_sweeper, refetch_media_after=refetch_media_after)
    return replace(sweep, row_sweeper=row_sweeper, active_within_days=active_within_days)


def begun(stack: Stack, *, dry_run: bool = False, force: bool = False) -> Job:
    """Creates the job of a sweep, which no invocation has claimed yet."""
    order = CleanupOrder(dry_run=dry_run, force=force)
    job = new_job(f"sweep{next(_job_numbers)}", order, now=stack.now)
    assert stack.jobs.create(job)
    return job


def swept(stack: Stack, sweep: Sweep | None = None, *, a_step_at_a_time: bool = False, **order: bool) -> Job:
    """Runs a whole sweep, in one invocation or in as many as it has steps."""
    job = begun(stack, **order)
    work = (sweep or sweep_of(stack)).run
    while not job.is_over:
        job = stack.wiring.job_runner.run(job.job_id, work, NO_TIME if a_step_at_a_time else PLENTY_OF_TIME)
    return job


def counted(job: Job) -> dict[str, int]:
    """Returns the counts of a sweep, except for those that every sweep has."""
    plain = {"rows", "chats", "blobs", "listed", "orphans"}
    return {name: count for name, count in job.progress.items() if count and name not in plain}


def synced(stack: Stack) -> None:
    """Records that a complete run of sync has just succeeded."""
    held = stack.wiring.sync_lock.acquire(now=stack.now, lease_ms=1)
    assert held is not None
    done = replace(held.last_sync, succeeded_at=stack.now, completed_at=stack.now, fence=held.fence)
    stack.wiring.sync_lock.release(held.fence, SyncRecords(last_sync=done))


def objects(stack: Stack) -> set[str]:
    """Returns the keys of all current objects."""
    listed: Any = stack.s3.list_objects_v2(Bucket="images")
    return {entry["Key"] for entry in listed.get("Contents", [])}


def keep(
    stack: Stack, key: str, color: str = "red", *, url: str | None = None, is_animated: bool = False
) -> str:
    """Caches an image as the cacher does it, with its objects, and returns its blob id."""
    original = an_animation(color) if is_animated else a_picture(color)
    picture, blob = render(original), blob_id(b"salt", original)
    asked = replace(request(key), source_url=url) if url else request(key)
    claim = stack.won(asked)
    stack.blobs.put(blob, original, picture)
    stored = Blob(
        blob,
        picture.content_type,
        len(original),
        picture.width,
        picture.height,
        "p",
        "#fff",
        is_animated=picture.animated is not None,
    )
    stack.claims.commit(claim, stored, now=stack.now)
    return blob


def lose(stack: Stack, *keys: str) -> None:
    """Deletes every version of these objects."""
    for version in stack.blobs.versions():
        if version.key in keys:
            stack.s3.delete_object(Bucket="images", Key=version.key, VersionId=version.version_id)


def nights(stack: Stack, count: int) -> None:
    """Lets so many days pass, with a complete sync at their end."""
    stack.now += count * DAY
    synced(stack)


def shown(stack: Stack, *names: str, chat_id: str = "!ada") -> Chat:
    """Stores a chat whose members have these pictures: the picture of `ada` is `s/ada`."""
    people = tuple(person(f"{name.title()} X", f"s/{name}") for name in names)
    chat = replace(CHAT, chat_id=chat_id, participants=people)
    put(stack, chat)
    return chat


def a_picture(color: str) -> bytes:
    """Returns a small PNG of one colour, with the same bytes each time."""
    out = io.BytesIO()
    Image.new("RGB", (32, 32), color).save(out, "PNG")
    return out.getvalue()


def an_animation(color: str) -> bytes:
    """Returns a small GIF that changes from one colour to white, with the same bytes each time."""
    out = io.BytesIO()
    frames = [Image.new("RGB", (32, 32), each) for each in (color, "white")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=200, loop=0)
    return out.getvalue()
