"""Works on the job of a sweep: one that a person has started, or one of its own for the nightly schedule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from imagecache.clock import Clock
from imagecache.model.job import CleanupOrder, Job, JobStatus, new_job
from imagecache.rules.time_budget import TimeBudget
from imagecache.stores.state.jobs import Jobs
from imagecache.usecases.operating.jobs import JobRunner
from imagecache.usecases.upkeep.sweep_cache import Refusal, Sweep, refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepJobs:
    """Works on jobs of the kind `cleanup`. `new_id` returns unused job ids."""

    sweep: Sweep
    jobs: Jobs
    runner: JobRunner
    clock: Clock
    new_id: Callable[[], str]

    def job_id(self, event: Mapping[str, Any]) -> str:
        """Returns the job that the event names, or else creates one and returns its id.

        The id of a schedule's job is made from the id of the schedule's event: a second delivery of the same
        event finds the job of the first.
        """
        if "jobId" in event:
            return str(event["jobId"])
        job_id = f"nightly-{event['id']}" if "id" in event else self.new_id()
        self.jobs.create(new_job(job_id, CleanupOrder(), now=self.clock()))
        return job_id

    def work_on(self, job_id: str, time_budget: TimeBudget) -> Job:
        """Sweeps until the job is done or the time is used up, and returns the job.

        Raises as JobRunner.run does.
        """
        return self.runner.run(job_id, self.sweep.run, time_budget)


def needs_a_person(job: Job) -> bool:
    """Returns True if a finished sweep refused to delete for any reason but a laptop that was offline."""
    is_dry_run = isinstance(job.order, CleanupOrder) and job.order.dry_run
    is_finished = job.status is JobStatus.DONE
    return is_finished and not is_dry_run and any(reason is not Refusal.OFFLINE for reason in refusals(job))
