"""The routes of functions/admin: they change something, or have it done in the background."""

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus

from imagecache.api import shapes
from imagecache.api.contact_routes import contact_routes
from imagecache.api.fields import Field
from imagecache.api.http import Route, Routes
from imagecache.api.images import LOOKUP_BODY, ONE_BODY, forgotten, looked_up, refreshed, retried
from imagecache.api.operation import BACKFILL_BODY, SYNC_BODY, accepted
from imagecache.model import Clock, JobKind, Role
from imagecache.queues.invocations import Invocations
from imagecache.stores.jobs import Jobs
from imagecache.usecases.change_image import ImageChanges
from imagecache.usecases.keep_contacts import ContactBook
from imagecache.usecases.look_up_images import ImageLookup


def admin_routes(
    *,
    lookup: ImageLookup,
    changes: ImageChanges,
    book: ContactBook,
    jobs: Jobs,
    invocations: Invocations,
    functions: Mapping[JobKind, str],
    clock: Clock,
    new_id: Callable[[], str],
    base_url: str,
) -> Routes:
    """By API Gateway's route key; `functions` are those that work on each kind of job."""

    def start(kind: JobKind) -> Callable[..., shapes.Accepted]:
        return partial(
            accepted,
            kind=kind,
            functions=functions,
            jobs=jobs,
            invocations=invocations,
            clock=clock,
            new_id=new_id,
        )

    def job(kind: JobKind, summary: str, body: tuple[Field, ...] = ()) -> Route:
        return Route(
            summary=summary,
            role=Role.ADMIN,
            body=body,
            gives=shapes.Accepted,
            status=HTTPStatus.ACCEPTED,
            answer=start(kind),
        )

    return {
        "POST /api/images/lookup": Route(
            summary="What the cache has of up to 500 source URLs; `enqueue` takes the admin token",
            body=LOOKUP_BODY,
            gives=shapes.Images,
            errors=[HTTPStatus.FORBIDDEN],
            answer=partial(looked_up, lookup=lookup, base_url=base_url),
        ),
        "POST /api/images/refresh": Route(
            summary="Fetch an image anew; the copy there is stays until then; lifts a forget",
            role=Role.ADMIN,
            body=ONE_BODY,
            gives=shapes.Queued,
            errors=[HTTPStatus.NOT_FOUND],
            answer=partial(refreshed, changes=changes),
        ),
        "POST /api/images/retry": Route(
            summary="Try a failed image now",
            role=Role.ADMIN,
            body=ONE_BODY,
            gives=shapes.Queued,
            errors=[HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT],
            answer=partial(retried, changes=changes),
        ),
        "POST /api/images/forget": Route(
            summary="Delete an image and never fetch it again, until a refresh",
            role=Role.ADMIN,
            body=ONE_BODY,
            gives=shapes.Forgotten,
            errors=[HTTPStatus.NOT_FOUND],
            answer=partial(forgotten, changes=changes),
        ),
        "POST /api/images/retry-failed": job(JobKind.RETRY_FAILED, "Try every failed image now"),
        "POST /api/images/backfill": job(
            JobKind.BACKFILL, "Queue every image that chats show and the cache does not have", BACKFILL_BODY
        ),
        "POST /api/sync": job(JobKind.SYNC, "Read Beeper's chats now", SYNC_BODY),
        **contact_routes(
            book=book,
            start_sync=partial(start(JobKind.SYNC), complete=False, force=False),
            base_url=base_url,
        ),
    }
