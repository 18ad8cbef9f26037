"""Handles an event of functions/sync: a scheduled run, or a job that the API has started."""

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from imagecache.clock import Clock
from imagecache.errors import JobTakenError
from imagecache.model.job import Job, JobStatus, SyncOrder
from imagecache.sources.beeper.chat_api import ChatApi
from imagecache.stores.state.jobs import Jobs
from imagecache.usecases.sync.sync_chats import ChatSync
from imagecache.usecases.sync.sync_report import SyncOutcome, SyncReport

# Fields of a report that are added up over the invocations of a job, and those of its last report.
_PROGRESS_FIELDS = ("chats", "changed", "queued", "relinked")
_RESULT_FIELDS = ("missing", "deleted", "refused", "unreadable", "complete", "outcome", "detail")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncJobRunner:
    """Runs sync for one invocation. `remaining_ms` returns how long the invocation can still run.

    `send_event` invokes the same function once more, with another event. `new_worker` returns a name that no
    other invocation has, under which this one claims a job.
    """

    chat_sync: ChatSync
    chat_api: ChatApi
    jobs: Jobs
    clock: Clock
    remaining_ms: Callable[[], int]
    send_event: Callable[[Mapping[str, Any]], None]
    new_worker: Callable[[], str] = secrets.token_hex

    def handle(self, event: Mapping[str, Any]) -> SyncReport:
        """Runs sync and returns its report. Sends a further event if the run is not finished.

        `{"jobId"}` continues a job; the event of a schedule, and `{"complete", "force"}`, both optional, run
        sync without one. Raises JobTakenError or JobOverError if a job's event has been delivered before.
        """
        if "jobId" in event:
            report = self._work_on(self._claim(event["jobId"]))
        else:
            report = self._sync(complete=event.get("complete") is True, force=event.get("force") is True)
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

    def _claim(self, job_id: str) -> Job:
        return self.jobs.claim(
            job_id, worker=self.new_worker(), now=self.clock(), milliseconds=self.remaining_ms()
        )

    def _work_on(self, job: Job) -> SyncReport:
        """Runs sync as the job orders it, and records its progress, and its result or error."""
        if not isinstance(job.order, SyncOrder):
            raise TypeError(f"job {job.job_id} is not a sync but a {job.kind}")

        def record_progress(report: SyncReport) -> None:
            self.jobs.save(replace(job, progress=_progress(job, report)), now=self.clock())

        try:
            report = self._sync(complete=job.order.complete, force=job.order.force, on_page=record_progress)
        except JobTakenError:
            raise
        except Exception as error:
            failed = replace(job, status=JobStatus.FAILED, result={"error": type(error).__name__})
            with suppress(JobTakenError):  # The error matters more than who records it.
                self.jobs.save(failed, now=self.clock())
            raise
        progress = _progress(job, report)
        if report.outcome is SyncOutcome.UNFINISHED:
            # Released in the same write, so that the next invocation can claim the job.
            self.jobs.save(replace(job, progress=progress), now=self.clock(), release=True)
            return report
        fields = asdict(report)
        result = progress | {name: fields[name] for name in _RESULT_FIELDS}
        done = replace(job, status=JobStatus.DONE, progress=progress, result=result)
        self.jobs.save(done, now=self.clock())
        return report


def _progress(job: Job, report: SyncReport) -> dict[str, int]:
    """Returns the counts of the job's earlier invocations and of this one together."""
    return job.progress_with({name: getattr(report, name) for name in _PROGRESS_FIELDS})
