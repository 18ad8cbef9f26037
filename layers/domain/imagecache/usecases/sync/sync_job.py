"""Handles an event of functions/sync: a scheduled run, or a job that the API has started."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from imagecache.clock import Clock
from imagecache.errors import JobTakenError
from imagecache.model.chat import MOST_ID_BYTES
from imagecache.model.job import Job, JobStatus, SyncOrder
from imagecache.sources.beeper.chats import ChatApi
from imagecache.stores.state.jobs import Jobs
from imagecache.usecases.sync.sync_chats import ChatSync
from imagecache.usecases.sync.sync_run import SyncOutcome, SyncReport

# A job adds up the first fields over the reports of all its invocations. The others it takes from the last
# report.
_PROGRESS_FIELDS = ("chats", "changed", "queued", "relinked")
# Fewer chats than that change within seconds, unless Beeper sends events for all its chats. In that case a
# run that looks for so many of them sees most others as well.
_MOST_HINTED_CHATS = 100
_RESULT_FIELDS = ("missing", "deleted", "refused", "unreadable", "complete", "outcome", "detail")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncJobs:
    """Runs sync, with or without a job. `new_worker_id` returns a unique id."""

    chat_sync: ChatSync
    jobs: Jobs
    clock: Clock
    new_worker_id: Callable[[], str]

    def handle(
        self,
        event: Mapping[str, Any],
        chat_api: ChatApi,
        *,
        remaining_ms: Callable[[], int],
        send_event: Callable[[Mapping[str, Any]], None],
    ) -> SyncReport:
        """Runs sync once and returns its report.

        An event with `jobId` works on that job. Any other event, such as a schedule's, runs sync without a
        job, and may have `complete` and `force` as booleans, and `chatIds` as a list of the chats of hints,
        of which the first 100 count. `remaining_ms` returns for how many ms the invocation can still run.
        `send_event` is called if the run is not finished; it must invoke the same function again.

        Raises JobTakenError or JobOverError if the event of a job has been delivered before.
        """
        if "jobId" in event:
            job = self.jobs.claim(
                event["jobId"],
                worker=self.new_worker_id(),
                now=self.clock(),
                milliseconds=remaining_ms(),
            )
            report = self._work_on(job, chat_api, remaining_ms)
            continuation: dict[str, Any] = {"jobId": job.job_id}
        else:
            hinted_chats = _hinted_chats(event)
            report = self.chat_sync.run(
                chat_api,
                remaining_ms=remaining_ms,
                complete=event.get("complete") is True,
                force=event.get("force") is True,
                hinted_chats=hinted_chats,
            )
            continuation = {"chatIds": sorted(hinted_chats)} if hinted_chats else {}
        if report.outcome is SyncOutcome.UNFINISHED:
            send_event(continuation)
        return report

    def _work_on(self, job: Job, chat_api: ChatApi, remaining_ms: Callable[[], int]) -> SyncReport:
        """Runs sync with the order of the job, and records the job's progress and its result or error."""
        if not isinstance(job.order, SyncOrder):
            raise TypeError(f"job {job.job_id} is not a sync but a {job.kind}")

        def record_progress(report: SyncReport) -> None:
            self.jobs.save(replace(job, progress=_progress(job, report)), now=self.clock())

        try:
            report = self.chat_sync.run(
                chat_api,
                remaining_ms=remaining_ms,
                complete=job.order.complete,
                force=job.order.force,
                on_page=record_progress,
            )
        except JobTakenError:
            raise
        except Exception as error:
            self.jobs.save_failed(job, error, now=self.clock())
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


def _hinted_chats(event: Mapping[str, Any]) -> frozenset[str]:
    """Returns the ids in the event's list `chatIds` that can be ids of chats."""
    listed = event.get("chatIds")
    ids = [entry for entry in listed if _may_be_id(entry)] if isinstance(listed, list) else []
    return frozenset(ids[:_MOST_HINTED_CHATS])


def _may_be_id(entry: object) -> bool:
    if not isinstance(entry, str) or not entry:
        return False
    try:
        return len(entry.encode()) <= MOST_ID_BYTES
    except UnicodeEncodeError:  # half of a character in JSON
        return False


def _progress(job: Job, report: SyncReport) -> dict[str, int]:
    """Returns the sums of the counts of the job's earlier invocations and of this report."""
    return job.progress_with({name: getattr(report, name) for name in _PROGRESS_FIELDS})
