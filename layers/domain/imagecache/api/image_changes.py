"""The routes that change one image, and the look-up, which may queue images."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus

from imagecache.api import image_shapes as shapes
from imagecache.api.fields import MOST_URL_CHARS, Flag, Texts
from imagecache.api.http import Log, Route, Routes
from imagecache.api.source_url import SOURCE_URL
from imagecache.api.values import image_json
from imagecache.model.access import Role
from imagecache.rules.image_choice import ShownImage
from imagecache.usecases.operating.change_image import ImageChanges
from imagecache.usecases.operating.look_up_images import ImageLookup

_MOST_URLS = 500

LOOKUP_BODY = (
    Texts(
        "sourceUrls",
        _MOST_URLS,
        MOST_URL_CHARS,
        required=True,
        about="URLs of any scheme, each as the other application has it",
    ),
    Flag("enqueue", role=Role.ADMIN, about="queue those that are missing"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChangeRoutes:
    """Looks up images for other applications, and changes single images."""

    lookup: ImageLookup
    changes: ImageChanges
    base_url: str
    log: Log

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        return {
            "POST /api/images/lookup": Route(
                summary="Look up up to 500 source URLs; `enqueue` needs the admin token",
                body=LOOKUP_BODY,
                gives=shapes.Images,
                errors=[HTTPStatus.FORBIDDEN],
                answer=self.look_up,
            ),
            "POST /api/images/refresh": Route(
                summary="Fetch an image again and show its present copy until then; undoes a forget",
                role=Role.ADMIN,
                body=(SOURCE_URL,),
                gives=shapes.Queued,
                errors=[HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT],
                answer=self.refresh,
            ),
            "POST /api/images/retry": Route(
                summary="Try a failed image now",
                role=Role.ADMIN,
                body=(SOURCE_URL,),
                gives=shapes.Queued,
                errors=[HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT],
                answer=self.retry,
            ),
            "POST /api/images/forget": Route(
                summary="Delete an image and do not fetch it again until a refresh",
                role=Role.ADMIN,
                body=(SOURCE_URL,),
                gives=shapes.Forgotten,
                errors=[HTTPStatus.NOT_FOUND],
                answer=self.forget,
            ),
        }

    def look_up(self, *, source_urls: Sequence[str], enqueue: bool) -> shapes.Images:
        """Answers `POST /api/images/lookup`. A forgotten image has no URL, and the reason `forgotten`."""
        views = self.lookup.look_up(source_urls, enqueue=enqueue)
        images = {url: image_json(ShownImage(None, view), None, self.base_url) for url, view in views.items()}
        return {"images": images}

    def refresh(self, *, source_url: str) -> shapes.Queued:
        """Answers `POST /api/images/refresh`. Raises InvalidRequestError and NotFoundError."""
        self.changes.refresh(source_url)
        return {"status": "pending"}

    def retry(self, *, source_url: str) -> shapes.Queued:
        """Answers `POST /api/images/retry`. Raises InvalidRequestError, NotFoundError and ConflictError."""
        self.changes.retry(source_url)
        return {"status": "pending"}

    def forget(self, *, source_url: str) -> shapes.Forgotten:
        """Answers `POST /api/images/forget`. Raises InvalidRequestError and NotFoundError."""
        result = self.changes.forget(source_url)
        # If the invalidation has failed, this log line is the only place that has the reason.
        self.log.info("forget", extra=asdict(result))
        return {
            "status": "forgotten",
            "deletedVersions": result.deleted_versions,
            "hiddenObjects": result.hidden_objects,
            "edge": result.invalidation,
        }
