"""The routes of functions/admin: they change something, or have it done in the background."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from imagecache.api import image_shapes
from imagecache.api.contact_routes import contact_routes
from imagecache.api.fields import Field
from imagecache.api.http import Log, Route, Routes
from imagecache.api.images import LOOKUP_BODY, ONE_BODY, forgotten, looked_up, refreshed, retried
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
    """Builds the routes from the use cases that answer them."""

    lookup: ImageLookup
    changes: ImageChanges
    book: ContactBook
    job_starter: JobStarter
    base_url: str
    log: Log

    def routes(self) -> Routes:
        """By API Gateway's route key."""
        contacts = contact_routes(
            book=self.book,
            start_sync=partial(start_sync, starter=self.job_starter, complete=False, force=False),
            base_url=self.base_url,
        )
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
