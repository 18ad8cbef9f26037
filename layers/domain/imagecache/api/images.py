"""The routes that list images by status, list references without a cached image, and explain one image."""

from dataclasses import dataclass
from typing import Any

from imagecache.api import cursor as cursors
from imagecache.api import image_shapes as shapes
from imagecache.api.fields import CURSOR, Choice
from imagecache.api.http import Route, Routes
from imagecache.api.sizes import rows_that_fit
from imagecache.api.source_url import SOURCE_URL
from imagecache.api.story import story_json
from imagecache.api.values import iso8601
from imagecache.clock import Clock
from imagecache.model.chat import MOST_ID_BYTES
from imagecache.model.image import ImageRecord, ImageStatus
from imagecache.rules.image_choice import ShownFor
from imagecache.stores.blobs import image_path
from imagecache.stores.images.cached_images import CachedImages, Position
from imagecache.usecases.reading.explain_image import ImageExplainer
from imagecache.usecases.reading.list_uncached import MemberPosition, PictureReference, UncachedListing

_ROWS_PER_PAGE = 100
# The lists of images with these statuses are sorted by the next attempt, so a position includes its time.
_SORTED = {ImageStatus.PENDING, ImageStatus.FAILED}
# DynamoDB's limit for a partition key.
_MOST_KEY_BYTES = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRoutes:
    """Shows images to operators."""

    cached_images: CachedImages
    uncached: UncachedListing
    explainer: ImageExplainer
    clock: Clock
    base_url: str

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        return {
            "GET /api/images": Route(
                summary="List images by status",
                query=(Choice("status", ImageStatus, required=True), CURSOR),
                gives=shapes.ImageRows,
                answer=self.page,
            ),
            "GET /api/images/uncached": Route(
                summary="List references without a cached image, and why; "
                "a page may be empty and still have a cursor",
                query=(CURSOR,),
                gives=shapes.References,
                answer=self.uncached_page,
            ),
            "POST /api/images/explain": Route(
                summary="Explain the state of one image, with its history",
                body=(SOURCE_URL,),
                gives=shapes.Story,
                answer=self.explain,
            ),
        }

    def page(self, *, status: ImageStatus, cursor: str | None) -> shapes.ImageRows:
        """Answers `GET /api/images`. Raises InvalidRequestError."""
        listing = f"images {status.value}"
        after = cursors.read(listing, cursor, _sorted_position if status in _SORTED else _unsorted_position)
        images, following = self.cached_images.by_status(status, limit=_ROWS_PER_PAGE, after=after)
        rows = [_row_json(image, self.base_url) for image in images]
        count = rows_that_fit(rows)
        if count < len(rows):
            last = images[count - 1]
            following = Position(last.image_key, last.next_attempt_at if status in _SORTED else None)
        return {
            "images": rows[:count],
            "nextCursor": cursors.write(listing, _image_position_json(following)),
        }

    def uncached_page(self, *, cursor: str | None) -> shapes.References:
        """Answers `GET /api/images/uncached`. Raises InvalidRequestError."""
        references, following = self.uncached.page(after=cursors.read("uncached", cursor, _member_position))
        rows = [_reference_json(reference) for reference in references]
        count = rows_that_fit(rows)
        if count < len(rows):
            # The following page begins after a member, so all pictures of one member are on one page.
            while references[count - 1].member == references[count].member:
                count -= 1
            following = references[count - 1].member
        return {
            "references": rows[:count],
            "nextCursor": cursors.write("uncached", following),
        }

    def explain(self, *, source_url: str) -> shapes.Story:
        """Answers `POST /api/images/explain`."""
        story = self.explainer.explain(source_url)
        return story_json(story, source_url, now=self.clock(), base_url=self.base_url)


def _image_position_json(position: Position | None) -> list[str | int] | None:
    """Converts a position to JSON for a cursor, or returns None at the end of a list.

    The JSON is `[imageKey, nextAttemptAt]` in a sorted list, and `[imageKey]` in any other list.
    """
    if position is None:
        return None
    if position.next_attempt_at is None:
        return [position.image_key]
    return [position.image_key, position.next_attempt_at]


def _unsorted_position(position: Any) -> Position | None:
    match position:
        case [key] if cursors.is_key(key, max_bytes=_MOST_KEY_BYTES):
            return Position(key)
    return None


def _sorted_position(position: Any) -> Position | None:
    match position:
        case [key, moment] if cursors.is_key(key, max_bytes=_MOST_KEY_BYTES) and cursors.is_moment(moment):
            return Position(key, moment)
    return None


def _member_position(position: Any) -> MemberPosition | None:
    match position:
        case [chat_id, participant_id] if cursors.is_key(
            chat_id, max_bytes=_MOST_KEY_BYTES
        ) and cursors.is_key(participant_id, max_bytes=MOST_ID_BYTES):
            return chat_id, participant_id
    return None


def _row_json(image: ImageRecord, base_url: str) -> shapes.ImageRow:
    return {
        "sourceUrl": image.source_url,
        "status": image.status,
        "reason": image.reason,
        "queuedAt": iso8601(image.queued_at),
        "failedAt": iso8601(image.failed_at),
        "nextAttemptAt": iso8601(image.next_attempt_at),
        "cachedAt": iso8601(image.cached_at),
        "contentType": image.content_type,
        "fileSize": image.file_size or None,
        "url": base_url + image_path(image.blob_id, 192) if image.blob_id else None,
    }


def _reference_json(reference: PictureReference) -> shapes.Reference:
    participant = reference.participant
    view = reference.view
    return {
        "chatId": reference.chat_id,
        "participantId": None if reference.shown_for is ShownFor.CHAT else participant.participant_id,
        "fullName": participant.shown_name,
        "source": reference.shown_for,
        "sourceUrl": reference.source_url,
        "status": view.status if view else "none",
        "reason": view.reason if view else None,
    }
