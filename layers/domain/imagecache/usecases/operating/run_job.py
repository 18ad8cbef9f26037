"""Runs one invocation's share of a job, and records after each step how far the job is."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from imagecache.clock import Clock
from imagecache.errors import JobTakenError
from imagecache.model.job import Job, JobStatus, Json, ResultValue
from imagecache.rules.time_budget import TimeBudget
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


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRunner:
    """Works on jobs that others have created. `new_worker` returns an id that no other invocation has."""

    jobs: Jobs
    clock: Clock
    new_worker: Callable[[], str]

    def run(self, job_id: str, work: Work, time_budget: TimeBudget) -> Job:
        """Works on the job until it is done or the time is used up, and returns it as it then is.

        A job that is still running afterwards must be continued by another invocation, which may claim it at
        once. Whatever `work` raises makes the job fail and is raised again.

        Raises JobTakenError if another invocation works on the job, JobOverError if it has ended or does not
        exist. In both cases this one has changed nothing since the other took over.
        """
        job = self.jobs.claim(
            job_id, worker=self.new_worker(), now=self.clock(), milliseconds=time_budget.remaining_ms()
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


def _after(job: Job, step: Step) -> Job:
    return replace(
        job,
        progress=job.progress_with(step.counts),
        result={**job.result, **step.result},
        position=step.position,
    )
