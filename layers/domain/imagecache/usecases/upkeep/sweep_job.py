"""The nightly schedule, or a person → one job of the sweep's, worked on until it is done."""

from collections.abc import Callable, Mapping
from typing import Any

from imagecache.model.job import JobKind, JobStatus
from imagecache.stores.state.jobs import Job, Jobs
from imagecache.usecases.operating.run_job import work_on
from imagecache.usecases.upkeep.sweep_cache import Refusal, Sweep

_TIME_TO_STOP = 60_000  # ms: a step may repair some hundred images
NIGHTLY = {"dry_run": False, "force": False}


def sweep_as_told(
    event: Mapping[str, Any],
    *,
    sweep: Sweep,
    jobs: Jobs,
    milliseconds_left: Callable[[], int],
    new_id: Callable[[], str],
) -> Job:
    """As far as this invocation brings it. `{"jobId"}` goes on with a job, anything else begins one.

    Raises JobOverError.
    """
    now = sweep.clock()
    job_id = event.get("jobId")
    if job_id is None:
        begun = Job(new_id(), JobKind.CLEANUP, created_at=now, updated_at=now, order=NIGHTLY)
        job_id = jobs.write(begun, now=now).job_id
    return work_on(
        job_id,
        works={JobKind.CLEANUP: sweep.run},
        jobs=jobs,
        clock=sweep.clock,
        out_of_time=lambda: milliseconds_left() < _TIME_TO_STOP,
    )


def needs_a_person(job: Job) -> bool:
    """Whether a sweep that is over refused to delete for more than a laptop that is away."""
    is_over = job.status is JobStatus.DONE and not job.order["dry_run"]
    return is_over and bool(set(job.result["refused"]) - {Refusal.OFFLINE})
