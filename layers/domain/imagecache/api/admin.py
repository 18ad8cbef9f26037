"""The routes of functions/admin, which change something at once, or start a job that does so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from imagecache.api import operation_shapes
from imagecache.api.contacts import ContactRoutes
from imagecache.api.fields import Field
from imagecache.api.http import Log, Route, Routes
from imagecache.api.image_changes import ImageChangeRoutes
from imagecache.api.operation import BACKFILL_BODY, CLEANUP_BODY, SYNC_BODY, accepted
from imagecache.clock import Clock
from imagecache.model.access import Role
from imagecache.model.job import JobKind
from imagecache.queues.invocations import Invocations
from imagecache.stores.state.jobs import Jobs
from imagecache.usecases.contacts.keep_contacts import ContactBook
from imagecache.usecases.operating.change_image import ImageChanges
from imagecache.usecases.operating.look_up_images import ImageLookup


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminApi:
    """The use cases and stores that the routes use.

    `functions` names the function that works on each kind of job. `base_url` is where pictures are served
    from, if elsewhere.
    """

    lookup: ImageLookup
    changes: ImageChanges
    book: ContactBook
    jobs: Jobs
    invocations: Invocations
    functions: Mapping[JobKind, str]
    clock: Clock
    new_id: Callable[[], str]
    base_url: str
    log: Log

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        images = ImageChangeRoutes(
            lookup=self.lookup, changes=self.changes, base_url=self.base_url, log=self.log
        )
        start_sync = partial(self._start(JobKind.SYNC), complete=False, force=False)
        contacts = ContactRoutes(book=self.book, start_sync=start_sync, base_url=self.base_url)
        return {**images.routes(), **self._of_jobs(), **contacts.routes()}

    def _of_jobs(self) -> dict[str, Route]:
        missing = "Queue every image that chats show and the cache does not have"
        return {
            "POST /api/images/retry-failed": self._job(JobKind.RETRY_FAILED, "Try every failed image now"),
            "POST /api/images/backfill": self._job(JobKind.BACKFILL, missing, BACKFILL_BODY),
            "POST /api/redrive": self._job(JobKind.REDRIVE, "Move what the dead-letter queue holds back"),
            "POST /api/sync": self._job(JobKind.SYNC, "Read Beeper's chats now", SYNC_BODY),
            "POST /api/cleanup": self._job(JobKind.CLEANUP, "Sweep now, or only plan it", CLEANUP_BODY),
        }

    def _job(self, kind: JobKind, summary: str, body: tuple[Field, ...] = ()) -> Route:
        return Route(
            summary=summary,
            role=Role.ADMIN,
            body=body,
            gives=operation_shapes.Accepted,
            status=HTTPStatus.ACCEPTED,
            answer=self._start(kind),
        )

    def _start(self, kind: JobKind) -> Callable[..., operation_shapes.Accepted]:
        return partial(
            accepted,
            kind=kind,
            functions=self.functions,
            jobs=self.jobs,
            invocations=self.invocations,
            clock=self.clock,
            new_id=self.new_id,
        )
