"""The routes of functions/admin: they change something, or have it done in the background."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from imagecache.api import image_shapes, operation_shapes
from imagecache.api.contact_routes import contact_routes
from imagecache.api.fields import Field
from imagecache.api.http import Log, Route, Routes
from imagecache.api.images import LOOKUP_BODY, ONE_BODY, forgotten, looked_up, refreshed, retried
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
    """What the routes work with; `functions` are those that work on each kind of job."""

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
        """By API Gateway's route key."""
        start_sync = partial(self._start(JobKind.SYNC), complete=False, force=False)
        contacts = contact_routes(book=self.book, start_sync=start_sync, base_url=self.base_url)
        return {**self._of_images(), **self._of_jobs(), **contacts}

    def _of_images(self) -> dict[str, Route]:
        return {
            "POST /api/images/lookup": Route(
                summary="What the cache has of up to 500 source URLs; `enqueue` takes the admin token",
                body=LOOKUP_BODY,
                gives=image_shapes.Images,
                errors=[HTTPStatus.FORBIDDEN],
                answer=partial(looked_up, lookup=self.lookup, base_url=self.base_url),
            ),
            "POST /api/images/refresh": Route(
                summary="Fetch an image anew; the copy there is stays until then; lifts a forget",
                role=Role.ADMIN,
                body=ONE_BODY,
                gives=image_shapes.Queued,
                errors=[HTTPStatus.NOT_FOUND],
                answer=partial(refreshed, changes=self.changes),
            ),
            "POST /api/images/retry": Route(
                summary="Try a failed image now",
                role=Role.ADMIN,
                body=ONE_BODY,
                gives=image_shapes.Queued,
                errors=[HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT],
                answer=partial(retried, changes=self.changes),
            ),
            "POST /api/images/forget": Route(
                summary="Delete an image and never fetch it again, until a refresh",
                role=Role.ADMIN,
                body=ONE_BODY,
                gives=image_shapes.Forgotten,
                errors=[HTTPStatus.NOT_FOUND],
                answer=partial(forgotten, changes=self.changes, log=self.log),
            ),
        }

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
