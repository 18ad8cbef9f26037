"""Starts jobs, runs them step by step in one or more invocations, and reads their progress."""

from collections.abc import Callable, Iterator, Mapping
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

    `counts` are added to the job's progress. `position` is where the next step starts, None after the last
    step. The entries of `result` are added to the job's result, or replace entries with the same names.
    """

    counts: Mapping[str, int]
    position: Json
    result: Mapping[str, ResultValue] = field(default_factory=dict)


Work: TypeAlias = Callable[[Job], Iterator[Step]]
"""Does a job step by step from `job.position` on. A step must be shorter than the time budget's reserve."""


# In ms. No invocation lasts 20 minutes, so a job that was last written before then has no worker any more.
_SILENCE = 20 * 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarter:
    """Starts jobs.

    `functions` has the name of the Lambda function for each kind of job. `new_id` returns an unused job id.
    """

    jobs: Jobs
    invocations: Invocations
    functions: Mapping[JobKind, str]
    clock: Clock
    new_id: Callable[[], str]

    def start(self, order: JobOrder) -> Job:
        """Starts a job and returns it.

        The row is written before the function is invoked, because the function reads the order from the row.
        If the invocation fails, the row stays, and JobReader reports the job as failed after 20 minutes.
        Raises StoreUnavailableError.
        """
        job = new_job(self.new_id(), order, now=self.clock())
        self.jobs.create(job)
        self.invocations.send(self.functions[job.kind], {"jobId": job.job_id})
        return job


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRunner:
    """Works on jobs. `new_id` returns a unique id for a job or for an invocation."""

    jobs: Jobs
    clock: Clock
    new_id: Callable[[], str]

    def job_id(self, event: Mapping[str, Any], *, scheduled: JobOrder) -> str:
        """Returns the job id in the event. Without one, creates a job with the order `scheduled`.

        If the event is from a schedule, the id of the new job contains the id of the event, so that a second
        delivery of the same event finds the job of the first.
        """
        if "jobId" in event:
            return str(event["jobId"])
        job_id = f"scheduled-{event['id']}" if "id" in event else self.new_id()
        self.jobs.create(new_job(job_id, scheduled, now=self.clock()))
        return job_id

    def run(self, job_id: str, work: Work, time_budget: TimeBudget) -> Job:
        """Works on the job until it is done or the time is used up, and returns it as it was last written.

        If the returned job is still running, another invocation must continue it, and may claim it at once.
        If `work` raises an error, the job fails and the error is raised again.

        Raises JobTakenError if another invocation has the job, and JobOverError if the job has ended or does
        not exist. This invocation has then written nothing since the other one claimed the job.
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
            self.jobs.save_failed(job, error, now=self.clock())
            raise
        done = replace(job, status=JobStatus.DONE, result={**job.result, **job.progress}, position=None)
        return self.jobs.save(done, now=self.clock())


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReader:
    """Reads jobs, in a number of calls that does not grow with the cache.

    At most `rows_counted` pending images and `rows_counted` failed images are counted.
    """

    jobs: Jobs
    cached_images: CachedImages
    clock: Clock
    rows_counted: int = 2_000

    def read(self, job_id: str) -> Job | None:
        """Returns the job, or None if there is no such job.

        A job that was not written for 20 minutes is returned as failed. The progress of a job that queues
        images continues after the job is done: it has the numbers of images that wait, have failed, or are
        done.
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
        """Returns the counts of the worker, and how many of the queued images wait, have failed or are done.

        An image counts as waiting if it was queued since the job began, by this job, another job or a sync.
        Only the first `rows_counted` images of each status are counted. If there are more, `waiting` and
        `failed` are lower bounds, and `done` is left out.
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
