"""Rows `job#<id>` of the syncState table: what each job is to do, its progress and its result.

Lambda may deliver an asynchronous event more than once. An invocation therefore claims the job first, for the
time that is left to the invocation, and every later write is conditional on the claim. So the second delivery
of an event changes nothing, and an invocation whose claim has ended cannot overwrite the writes of the
invocation that has claimed the job since.

boto3 repeats a request whose answer was lost. A conditional write that had succeeded is then refused the
second time. Therefore, after a refusal, the row is read to see whether the write had succeeded.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition

from imagecache.aws_errors import aws_errors_translated
from imagecache.clock import DAY
from imagecache.errors import JobOverError, JobTakenError
from imagecache.model.job import JOB_TYPES, OVER, Job, JobKind, JobOrder, JobStatus
from imagecache.stores.dynamodb import bound, saved, updated
from imagecache.stores.state.row import JobRow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# In ms. A row is deleted by DynamoDB's time to live.
_KEPT_FOR = 7 * DAY
_NOT_OVER = [status.value for status in JobStatus if status not in OVER]


class Jobs:
    """Reads and writes the jobs of the last seven days. All times are in ms.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(JobRow, table_name=table_name, dynamodb=dynamodb)

    def create(self, job: Job) -> bool:
        """Writes the row of a new job. Returns False, and changes nothing, if there is a job with this id."""
        return self._put(job, JobRow.name.does_not_exist())

    @aws_errors_translated()
    def read(self, job_id: str) -> Job | None:
        """Returns the job, or None if there is no such job or it has expired."""
        try:
            return _job(self._row.get(_name(job_id), consistent_read=True))
        except DoesNotExist:
            return None

    def claim(self, job_id: str, *, worker: str, now: int, milliseconds: int) -> Job:
        """Claims the job for one invocation, and returns it with the status running.

        `worker` must be unique to the invocation. The request id is not, because both deliveries of one event
        may have the same. `milliseconds` is the time after which the claim ends.

        Raises JobTakenError while another invocation has the job, and JobOverError if the job has ended or
        does not exist.
        """
        row = self._row(_name(job_id))
        actions = [
            JobRow.status.set(JobStatus.RUNNING.value),
            JobRow.updated_at.set(now),
            JobRow.worker.set(worker),
            JobRow.held_until.set(now + milliseconds),
        ]
        free = JobRow.held_until.does_not_exist() | (JobRow.held_until < now)
        if updated(row, actions, JobRow.status.is_in(*_NOT_OVER) & free):
            return _job(row)
        job = self.read(job_id)
        if job is None or job.is_over:
            raise JobOverError(job_id)
        if job.worker != worker:
            raise JobTakenError(job_id)
        return job

    def save(self, job: Job, *, now: int, release: bool = False) -> Job:
        """Writes a claimed job and returns it as written. Raises JobTakenError if the claim is lost.

        `release` ends the claim in the same write, so that the next invocation can continue. The claim of a
        job that is over always ends.
        """
        written = replace(job, updated_at=now)
        if release or job.is_over:
            written = replace(written, worker=None, held_until=0)
        if not self._put(written, JobRow.worker == job.worker) and self.read(job.job_id) != written:
            raise JobTakenError(job.job_id)
        return written

    def save_failed(self, job: Job, error: Exception, *, now: int) -> None:
        """Records that the work on a claimed job has raised this error, unless the claim is lost by now."""
        failed = replace(job, status=JobStatus.FAILED, result={"error": type(error).__name__})
        with suppress(JobTakenError):  # It must not hide the error that made the job fail.
            self.save(failed, now=now)

    def _put(self, job: Job, condition: Condition) -> bool:
        row = self._row(
            _name(job.job_id),
            kind=job.kind.value,
            order=asdict(job.order),
            status=job.status.value,
            created_at=job.created_at,
            updated_at=job.updated_at,
            progress=dict(job.progress),
            result=dict(job.result),
            position=job.position,
            worker=job.worker,
            held_until=job.held_until or None,
            expires_at=(job.created_at + _KEPT_FOR) // 1000,
        )
        return saved(row, condition)


def _name(job_id: str) -> str:
    return f"job#{job_id}"


def _job(row: JobRow) -> Job:
    return Job(
        job_id=row.name.removeprefix("job#"),
        order=_order(JobKind(row.kind), row.order),
        created_at=int(row.created_at),
        updated_at=int(row.updated_at),
        status=JobStatus(row.status),
        progress=row.progress,
        result=row.result,
        position=row.position,
        worker=row.worker,
        held_until=int(row.held_until or 0),
    )


def _order(kind: JobKind, fields: Mapping[str, Any]) -> JobOrder:
    """Builds the order of a job from its stored fields. Raises TypeError if they do not fit this kind."""
    return JOB_TYPES[kind].order(**fields)
