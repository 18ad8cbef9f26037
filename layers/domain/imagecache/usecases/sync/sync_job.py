"""A run that the API has asked for → its row tells how far it is, however many invocations it takes."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, Protocol

from imagecache.clock import Clock
from imagecache.errors import JobTakenError
from imagecache.model.job import Job, JobStatus, SyncOrder
from imagecache.stores.state.jobs import Jobs
from imagecache.usecases.sync.sync_report import SyncOutcome, SyncReport

_COUNTED = ("chats", "changed", "queued", "relinked")
_TOLD = ("missing", "deleted", "refused", "unreadable", "complete", "outcome", "detail")


class Run(Protocol):
    """`ChatSync.run` with everything but the order."""

    def __call__(
        self, *, complete: bool = False, force: bool = False, told: Callable[[SyncReport], None] = ...
    ) -> SyncReport: ...


def sync_as_told(
    event: Mapping[str, Any],
    *,
    run: Run,
    again: Callable[[Mapping[str, Any]], None],
    claim: Callable[[str], Job],
    jobs: Jobs,
    clock: Clock,
) -> SyncReport:
    """One run as the event says: `{"jobId"}` of the API's, or `{"complete", "force"}`, both optional.

    What is left of a run that is out of time is done `again`, by an event of its own. `claim` takes the job
    for this invocation. Raises JobTakenError or JobOverError, if this event has been delivered before.
    """
    job_id = event.get("jobId")
    if job_id is None:
        report = run(complete=event.get("complete") is True, force=event.get("force") is True)
    else:
        report = _run(claim(job_id), run, jobs, clock)
    if report.outcome is SyncOutcome.UNFINISHED:
        again({"jobId": job_id} if job_id else {})
    return report


def _run(job: Job, run: Run, jobs: Jobs, clock: Clock) -> SyncReport:
    if not isinstance(job.order, SyncOrder):
        raise TypeError(f"job {job.job_id} is no sync but a {job.kind}")

    def told(report: SyncReport) -> None:
        jobs.save(replace(job, progress=_progress(job, report)), now=clock())

    try:
        report = run(complete=job.order.complete, force=job.order.force, told=told)
    except JobTakenError:
        raise
    except Exception as error:
        failed = replace(job, status=JobStatus.FAILED, result={"error": type(error).__name__})
        with suppress(JobTakenError):
            jobs.save(failed, now=clock())
        raise
    progress = _progress(job, report)
    if report.outcome is SyncOutcome.UNFINISHED:
        jobs.save(replace(job, progress=progress), now=clock(), release=True)
        return report
    outcome = asdict(report)
    result = progress | {name: outcome[name] for name in _TOLD}
    jobs.save(replace(job, status=JobStatus.DONE, progress=progress, result=result), now=clock())
    return report


def _progress(job: Job, report: SyncReport) -> dict[str, int]:
    """What the invocations before have counted, and this one."""
    return job.progress_with({name: getattr(report, name) for name in _COUNTED})
