"""The routes of functions/admin, which change something at once, or start a job that does so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from imagecache.api.contacts import ContactRoutes
from imagecache.api.fields import Field
from imagecache.api.http import Log, Route, Routes
from imagecache.api.image_changes import ImageChangeRoutes
from imagecache.api.operation import (
    BACKFILL_BODY,
    CLEANUP_BODY,
    SYNC_BODY,
    start_backfill,
    start_cleanup,
    start_redrive,
    start_retry_failed,
    start_sync,
)
from imagecache.api.operation_shapes import Accepted
from imagecache.model.access import Role
from imagecache.usecases.contacts.keep_contacts import ContactBook
from imagecache.usecases.operating.change_image import ImageChanges
from imagecache.usecases.operating.look_up_images import ImageLookup
from imagecache.usecases.operating.start_job import JobStarter


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminApi:
    """The use cases that the routes use. `base_url` is where pictures are served from, if elsewhere."""

    lookup: ImageLookup
    changes: ImageChanges
    book: ContactBook
    job_starter: JobStarter
    base_url: str
    log: Log

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        images = ImageChangeRoutes(
            lookup=self.lookup, changes=self.changes, base_url=self.base_url, log=self.log
        )
        start_small_sync = partial(start_sync, starter=self.job_starter, complete=False, force=False)
        contacts = ContactRoutes(book=self.book, start_sync=start_small_sync, base_url=self.base_url)
        return {**images.routes(), **self._of_jobs(), **contacts.routes()}

    def _of_jobs(self) -> dict[str, Route]:
        return {
            "POST /api/images/retry-failed": self._job(
                summary="Try every failed image again now",
                answer=start_retry_failed,
            ),
            "POST /api/images/backfill": self._job(
                summary="Queue every image that chats show and the cache does not have",
                body=BACKFILL_BODY,
                answer=start_backfill,
            ),
            "POST /api/redrive": self._job(
                summary="Send the messages in the dead-letter queue to the queue of images again",
                answer=start_redrive,
            ),
            "POST /api/sync": self._job(
                summary="Read Beeper's chats now",
                body=SYNC_BODY,
                answer=start_sync,
            ),
            "POST /api/cleanup": self._job(
                summary="Sweep now, or count what a sweep would do",
                body=CLEANUP_BODY,
                answer=start_cleanup,
            ),
        }

    def _job(self, *, summary: str, answer: Callable[..., Accepted], body: Sequence[Field] = ()) -> Route:
        return Route(
            summary=summary,
            role=Role.ADMIN,
            body=body,
            gives=Accepted,
            status=HTTPStatus.ACCEPTED,
            answer=partial(answer, starter=self.job_starter),
        )
