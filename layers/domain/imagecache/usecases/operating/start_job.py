"""Starts a job: writes its row, then invokes the function that works on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from imagecache.clock import Clock
from imagecache.model.job import Job, JobKind, JobOrder, new_job
from imagecache.queues.invocations import Invocations
from imagecache.stores.state.jobs import Jobs


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
