"""A job in the background: begun by the API, worked on by a function, and asked for until it is done."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from imagecache.clock import Clock
from imagecache.errors import JobOverError
from imagecache.model.image import ImageStatus
from imagecache.model.job import JobKind, JobStatus
from imagecache.queues.invocations import Invocations
from imagecache.stores.images.catalogue import ImageCatalogue
from imagecache.stores.state.jobs import Job, Jobs

Counts = dict[str, int]


class Step(NamedTuple):
    """What was counted, where to go on (JSON; None at the end), and what else is to be told of the job."""

    counts: Counts
    resume: Any
    facts: Mapping[str, Any] = {}


Work = Callable[[Job], Iterator[Step]]
"""Does a job step by step, each small enough for the time that an invocation has left to stop."""

_SILENCE = 20 * 60_000
"""Longer than any invocation (ms): whoever worked on a job that says nothing for so long is dead."""
_QUEUEING = {JobKind.BACKFILL, JobKind.RETRY_FAILED}


def start_job(job: Job, *, function: str, jobs: Jobs, invocations: Invocations, now: int) -> Job:
    """The row first: whoever is invoked finds it, and its `order`."""
    job = jobs.write(job, now=now)
    invocations.send(function, {"jobId": job.job_id})
    return job


def work_on(
    job_id: str, *, works: Mapping[JobKind, Work], jobs: Jobs, clock: Clock, out_of_time: Callable[[], bool]
) -> Job:
    """The job as far as this invocation brings it: done, or running with a place to `resume`.

    Raises JobOverError. Whatever else is raised is on the row, too.
    """
    job = jobs.read(job_id)
    if job is None or job.status in {JobStatus.DONE, JobStatus.FAILED}:
        raise JobOverError(job_id)
    try:
        for step in works[job.kind](job):
            job = jobs.write(_after(job, step), now=clock())
            if step.resume is not None and out_of_time():
                return job
    except Exception as error:
        failed = replace(job, status=JobStatus.FAILED, result={"error": type(error).__name__})
        jobs.write(failed, now=clock())
        raise
    done = replace(job, status=JobStatus.DONE, result=job.result | job.progress, resume=None)
    return jobs.write(done, now=clock())


def _after(job: Job, step: Step) -> Job:
    return replace(
        job,
        status=JobStatus.RUNNING,
        progress=job.counted(step.counts),
        result={**job.result, **step.facts},
        resume=step.resume,
    )


def told(job: Job, *, catalogue: ImageCatalogue, now: int) -> Job:
    """The job as a person hears of it: what it queued goes on becoming pictures after it is done."""
    if job.status in {JobStatus.QUEUED, JobStatus.RUNNING} and now - job.updated_at > _SILENCE:
        job = replace(job, status=JobStatus.FAILED, result={"error": "no sign of life"})
    if job.kind not in _QUEUEING:
        return job
    waiting = failed = 0
    for status in (ImageStatus.PENDING, ImageStatus.FAILED):
        for row in catalogue.needing_attention(status):
            waiting += row.queued_at >= job.created_at
            failed += not row.queued_at and row.failed_at >= job.created_at
    queued = job.progress.get("queued", 0)
    became = {"waiting": waiting, "failed": failed, "done": max(queued - waiting - failed, 0)}
    return replace(job, progress={"chats": 0, "queued": 0} | job.progress | became)
