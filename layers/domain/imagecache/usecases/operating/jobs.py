"""Jobs: starts one, runs one invocation's share of it and records how far it is, and reads it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from imagecache.clock import Clock
from imagecache.errors import JobTakenError
from imagecache.model.image import ImageStatus
from imagecache.model.job import (
    JOB_TYPES,
    Job,
    JobKind,
    JobOrder,
    JobStatus,
    Json,
    QueueCount,
    ResultValue,
    new_job,
)
from imagecache.queues.invocations import Invocations
from imagecache.rules.time_budget import TimeBudget
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.state.jobs import Jobs


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step of a job.

    `counts` are added to the job's progress. `position` is where to continue, None after the last step.
    `result` replaces the entries of the job's result that have the same names.
    """

    counts: Mapping[str, int]
    position: Json
    result: Mapping[str, ResultValue] = field(default_factory=dict)


Work: TypeAlias = Callable[[Job], Iterator[Step]]
"""Does a job step by step from `job.position` on. No step may take longer than the time budget's reserve."""


# In ms. No invocation lasts as long, so a job that has not been written for so long has no worker any more.
_SILENCE = 20 * 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarter:
    """Starts jobs.

    `functions` names the function that works on each kind, `new_id` returns unused job ids.
    """

    jobs: Jobs
    invocations: Invocations
    functions: Mapping[JobKind, str]
    clock: Clock
    new_id: Callable[[], str]

    def start(self, order: JobOrder) -> Job:
        """Starts a job and returns it.

        The row is written first, because the function reads its order there. If the invocation fails, the row
        stays, and is reported as failed once nothing has happened for long enough. Raises
        StoreUnavailableError.
        """
        job = new_job(self.new_id(), order, now=self.clock())
        self.jobs.create(job)
        self.invocations.send(self.functions[job.kind], {"jobId": job.job_id})
        return job


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRunner:
    """Works on jobs. `new_id` returns an id that no other job and no other invocation has."""

    jobs: Jobs
    clock: Clock
    new_id: Callable[[], str]

    def job_id(self, event: Mapping[str, Any], *, scheduled: JobOrder) -> str:
        """Returns the job that the event names, or else creates one with the order `scheduled`.

        The id of a schedule's job is made from the id of the schedule's event: a second delivery of the same
        event finds the job of the first.
        """
        if "jobId" in event:
            return str(event["jobId"])
        job_id = f"nightly-{event['id']}" if "id" in event else self.new_id()
        self.jobs.create(new_job(job_id, scheduled, now=self.clock()))
        return job_id

    def run(self, job_id: str, work: Work, time_budget: TimeBudget) -> Job:
        """Works on the job until it is done or the time is used up, and returns it as it then is.

        A job that is still running afterwards must be continued by another invocation, which may claim it at
        once. Whatever `work` raises makes the job fail and is raised again.

        Raises JobTakenError if another invocation works on the job, JobOverError if it has ended or does not
        exist. In both cases this one has changed nothing since the other took over.
        """
        job = self.jobs.claim(
            job_id, worker=self.new_id(), now=self.clock(), milliseconds=time_budget.remaining_ms()
        )
        try:
            for step in work(job):
                must_stop = step.position is not None and time_budget.is_used_up()
                job = self.jobs.save(_after(job, step), now=self.clock(), release=must_stop)
                if must_stop:
                    return job
        except JobTakenError:
            raise
        except Exception as error:
            failed = replace(job, status=JobStatus.FAILED, result={"error": type(error).__name__})
            with suppress(JobTakenError):  # The error matters more than who records it.
                self.jobs.save(failed, now=self.clock())
            raise
        done = replace(job, status=JobStatus.DONE, result={**job.result, **job.progress}, position=None)
        return self.jobs.save(done, now=self.clock())


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReader:
    """Reads jobs, in a number of calls that does not depend on how much the cache holds.

    At most `rows_counted` pending and as many failed images are looked at.
    """

    jobs: Jobs
    cached_images: CachedImages
    clock: Clock
    rows_counted: int = 2_000

    def read(self, job_id: str) -> Job | None:
        """Returns the job, or None if there is no such job.

        A job without a sign of life is returned as failed. The progress of a job that queues images goes on
        after the job is done: it says how many of the images still wait, have failed, or are done.
        """
        job = self.jobs.read(job_id)
        if job is None:
            return None
        if not job.is_over and self.clock() - job.updated_at > _SILENCE:
            job = replace(job, status=JobStatus.FAILED, result={"error": "no sign of life"})
        if JOB_TYPES[job.kind].reports_images:
            job = replace(job, progress=self._progress(job))
        return job

    def _progress(self, job: Job) -> dict[str, int]:
        """Adds how the queued images stand to what the worker has counted.

        An image counts as waiting if it was queued since the job began, by whatever job or sync. Counting
        ends after `rows_counted` rows of each status: what it has found by then is at least what there is, so
        nothing is said about how many are done.
        """
        progress = {QueueCount.CHATS: 0, QueueCount.QUEUED: 0, **job.progress}
        queued = progress[QueueCount.QUEUED]
        waiting = failed = 0
        is_complete = True
        if queued:
            for status in (ImageStatus.PENDING, ImageStatus.FAILED):
                rows, more = self.cached_images.by_status(status, limit=self.rows_counted, after=None)
                waiting += sum(row.queued_at >= job.created_at for row in rows)
                failed += sum(not row.queued_at and row.failed_at >= job.created_at for row in rows)
                is_complete = is_complete and more is None
        progress |= {QueueCount.WAITING: waiting, QueueCount.FAILED: failed}
        if is_complete:
            progress[QueueCount.DONE] = max(queued - waiting - failed, 0)
        return progress


def _after(job: Job, step: Step) -> Job:
    return replace(
        job,
        progress=job.progress_with(step.counts),
        result={**job.result, **step.result},
        position=step.position,
    )
