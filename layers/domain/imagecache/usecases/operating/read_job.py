"""Reads a job for a person: its row, and what has become of the images that it has queued."""

from dataclasses import dataclass, replace

from imagecache.clock import Clock
from imagecache.model.image import ImageStatus
from imagecache.model.job import Job, JobKind, JobStatus, QueueCount
from imagecache.stores.images.catalogue import ImageCatalogue
from imagecache.stores.state.jobs import Jobs

# In ms. No invocation lasts as long, so a job that has not been written for so long has no worker any more.
_SILENCE = 20 * 60_000
_QUEUES_IMAGES = frozenset({JobKind.BACKFILL, JobKind.RETRY_FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReader:
    """Reads jobs, in a number of calls that does not depend on how much the cache holds.

    At most `rows_counted` pending and as many failed images are looked at.
    """

    jobs: Jobs
    catalogue: ImageCatalogue
    clock: Clock
    rows_counted: int = 2_000

    def read(self, job_id: str) -> Job | None:
        """Returns the job, or None if there is no such job.

        A job without a sign of life is returned as failed. The progress of a job that queues images goes on
        after the job is done: it says how many of the images still wait, have failed, or are done.
        """
        job = self.jobs.read(job_id)
        if job is None:
            return None
        if not job.is_over and self.clock() - job.updated_at > _SILENCE:
            job = replace(job, status=JobStatus.FAILED, result={"error": "no sign of life"})
        if job.kind in _QUEUES_IMAGES:
            job = replace(job, progress=self._progress(job))
        return job

    def _progress(self, job: Job) -> dict[str, int]:
        """Adds how the queued images stand to what the worker has counted.

        An image counts as waiting if it was queued since the job began, by whatever job or sync. Counting
        ends after `rows_counted` rows of each status: what it has found by then is at least what there is, so
        nothing is said about how many are done.
        """
        progress = {QueueCount.CHATS: 0, QueueCount.QUEUED: 0, **job.progress}
        queued = progress[QueueCount.QUEUED]
        waiting = failed = 0
        is_complete = True
        if queued:
            for status in (ImageStatus.PENDING, ImageStatus.FAILED):
                rows, more = self.catalogue.by_status(status, limit=self.rows_counted, after=None)
                waiting += sum(row.queued_at >= job.created_at for row in rows)
                failed += sum(not row.queued_at and row.failed_at >= job.created_at for row in rows)
                is_complete = is_complete and more is None
        progress |= {QueueCount.WAITING: waiting, QueueCount.FAILED: failed}
        if is_complete:
            progress[QueueCount.DONE] = max(queued - waiting - failed, 0)
        return progress
