"""Handles an event of functions/sync: a scheduled run, or a job that the API has started."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from imagecache.clock import Clock
from imagecache.model.job import JobStatus
from imagecache.sources.beeper.chat_api import ChatApi
from imagecache.stores.state.jobs import Job, Jobs
from imagecache.usecases.sync.sync_chats import ChatSync
from imagecache.usecases.sync.sync_report import SyncOutcome, SyncReport

# Fields of a report that are added up over the invocations of a job, and those of its last report.
_PROGRESS_FIELDS = ("chats", "changed", "queued", "relinked")
_RESULT_FIELDS = ("missing", "deleted", "refused", "unreadable", "complete", "outcome", "detail")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncJobRunner:
    """Runs sync for one invocation. `remaining_ms` returns how long the invocation can still run.

    `send_event` invokes the same function once more, with another event.
    """

    chat_sync: ChatSync
    chat_api: ChatApi
    jobs: Jobs
    clock: Clock
    remaining_ms: Callable[[], int]
    send_event: Callable[[Mapping[str, Any]], None]

    def handle(self, event: Mapping[str, Any]) -> SyncReport:
        """Runs sync and returns its report. Sends a further event if the run is not finished.

        `{"jobId"}` continues a job; the event of a schedule, and `{"complete", "force"}`, both optional, run
        sync without one.
        """
        job = self.jobs.read(event["jobId"]) if "jobId" in event else None
        if job is None:
            report = self._sync(complete=event.get("complete") is True, force=event.get("force") is True)
        else:
            report = self._work_on(job)
        if report.outcome is SyncOutcome.UNFINISHED:
            self.send_event({"jobId": event["jobId"]} if "jobId" in event else {})
        return report

    def _sync(
        self, *, complete: bool, force: bool, on_page: Callable[[SyncReport], None] | None = None
    ) -> SyncReport:
        return self.chat_sync.run(
            self.chat_api,
            remaining_ms=self.remaining_ms,
            complete=complete,
            force=force,
            on_page=on_page,
        )

    def _work_on(self, job: Job) -> SyncReport:
        """Runs sync as the job orders it, and records its progress, and its result or error."""

        def record_progress(report: SyncReport) -> None:
            running = replace(job, status=JobStatus.RUNNING, progress=_progress(job, report))
            self.jobs.write(running, now=self.clock())

        try:
            report = self._sync(
                complete=job.order["complete"], force=job.order["force"], on_page=record_progress
            )
        except Exception as error:
            failed = replace(job, status=JobStatus.FAILED, result={"error": type(error).__name__})
            self.jobs.write(failed, now=self.clock())
            raise
        if report.outcome is SyncOutcome.UNFINISHED:
            record_progress(report)
            return report
        progress = _progress(job, report)
        fields = asdict(report)
        result = progress | {name: fields[name] for name in _RESULT_FIELDS}
        done = replace(job, status=JobStatus.DONE, progress=progress, result=result)
        self.jobs.write(done, now=self.clock())
        return report


def _progress(job: Job, report: SyncReport) -> dict[str, int]:
    """Returns the counts of the job's earlier invocations and of this one together."""
    return job.counted({name: getattr(report, name) for name in _PROGRESS_FIELDS})
