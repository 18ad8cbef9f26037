"""A run that the API has asked for → its row tells how far it is, however many invocations it takes."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, Protocol

from imagecache.clock import Clock
from imagecache.model.job import JobStatus
from imagecache.stores.state.jobs import Job, Jobs
from imagecache.usecases.sync.sync_report import SyncOutcome, SyncReport

Event = Mapping[str, Any]

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
    jobs: Jobs,
    clock: Clock,
) -> SyncReport:
    """One run as the event says: `{"jobId"}` of the API's, or `{"complete", "force"}`, both optional.

    What is left of a run that is out of time is done `again`, by an event of its own.
    """
    job_id = event.get("jobId")
    report = _run(event, jobs.read(job_id) if job_id else None, run, jobs, clock)
    if report.outcome is SyncOutcome.UNFINISHED:
        again({"jobId": job_id} if job_id else {})
    return report


def _run(event: Event, job: Job | None, run: Run, jobs: Jobs, clock: Clock) -> SyncReport:
    if job is None:
        return run(complete=event.get("complete") is True, force=event.get("force") is True)

    def told(report: SyncReport) -> None:
        jobs.write(replace(job, status=JobStatus.RUNNING, progress=_progress(job, report)), now=clock())

    try:
        report = run(**job.order, told=told)
    except Exception as error:
        failed = replace(job, status=JobStatus.FAILED, result={"error": type(error).__name__})
        jobs.write(failed, now=clock())
        raise
    told(report)
    if report.outcome is not SyncOutcome.UNFINISHED:
        progress, outcome = _progress(job, report), asdict(report)
        result = progress | {name: outcome[name] for name in _TOLD}
        jobs.write(replace(job, status=JobStatus.DONE, progress=progress, result=result), now=clock())
    return report


def _progress(job: Job, report: SyncReport) -> dict[str, int]:
    """What the invocations before have counted, and this one."""
    return job.counted({name: getattr(report, name) for name in _COUNTED})
