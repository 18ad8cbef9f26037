"""Rows of syncState for what goes on in the background: how far it has come, and what came of it."""

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.models import Model

from imagecache.clock import DAY
from imagecache.model.job import JobKind, JobStatus
from imagecache.stores.dynamodb.binding import bound

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEPT_FOR = 7 * DAY


@dataclass(frozen=True, slots=True)
class Job:
    """Times in ms. `resume` is where the next invocation goes on, as JSON can carry it."""

    job_id: str
    kind: JobKind
    created_at: int
    updated_at: int
    status: JobStatus = JobStatus.QUEUED
    order: dict[str, Any] = field(default_factory=dict)
    progress: dict[str, int] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    resume: Any = None

    def counted(self, counts: dict[str, int]) -> dict[str, int]:
        """The progress with more of it."""
        return {name: self.progress.get(name, 0) + counts.get(name, 0) for name in self.progress | counts}


class _Row(Model):
    name = UnicodeAttribute(hash_key=True)
    value = JSONAttribute()
    expires_at = NumberAttribute(attr_name="expiresAt")  # in seconds: DynamoDB's time to live


class Jobs:
    """Jobs of the last seven days."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(_Row, table_name=table_name, dynamodb=dynamodb)

    def read(self, job_id: str) -> Job | None:
        """None when there is no such job, or no longer."""
        try:
            value = self._row.get(_name(job_id), consistent_read=True).value
        except DoesNotExist:
            return None
        return Job(**(value | {"kind": JobKind(value["kind"]), "status": JobStatus(value["status"])}))

    def write(self, job: Job, *, now: int) -> Job:
        """As it is now."""
        job = replace(job, updated_at=now)
        expires_at = (job.created_at + _KEPT_FOR) // 1000
        self._row(_name(job.job_id), value=asdict(job), expires_at=expires_at).save()
        return job


def _name(job_id: str) -> str:
    return f"job#{job_id}"
