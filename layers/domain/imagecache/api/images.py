"""The routes that list images by status, list references without a cached image, and explain one image."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from imagecache.api import cursor as cursors
from imagecache.api import image_shapes as shapes
from imagecache.api.fields import CURSOR, Choice, Text
from imagecache.api.http import Route, Routes
from imagecache.api.sizes import rows_that_fit
from imagecache.api.source_url import SOURCE_URL
from imagecache.api.story import story_json
from imagecache.api.values import iso8601
from imagecache.clock import Clock
from imagecache.model.chat import MOST_ID_BYTES
from imagecache.model.image import ImageRecord, ImageStatus
from imagecache.rules.image_choice import ShownFor
from imagecache.rules.names import name_of, title_of
from imagecache.stores.blobs import image_path
from imagecache.stores.images.cached_images import CachedImages, Position
from imagecache.usecases.reading.explain_image import ImageExplainer
from imagecache.usecases.reading.find_pictures import FoundPicture, PictureFinder
from imagecache.usecases.reading.list_uncached import MemberPosition, PictureReference, UncachedListing

_ROWS_PER_PAGE = 100
# The lists of images with these statuses are sorted by the next attempt, so a position includes its time.
_SORTED = {ImageStatus.PENDING, ImageStatus.FAILED}
# DynamoDB's limit for a partition key.
_MOST_KEY_BYTES = 2048

PLACE = (
    Text("chatId", MOST_ID_BYTES, required=True),
    Text("participantId", MOST_ID_BYTES, about="a member of the chat; leave it out for the chat itself"),
)
NAME = Text("name", 200, required=True, about="a part of a member's name or of a chat's title, in any case")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRoutes:
    """Shows images to operators."""

    cached_images: CachedImages
    uncached: UncachedListing
    picture_finder: PictureFinder
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
            "GET /api/images/shown": Route(
                summary="List the pictures of members and chats with this name; "
                "a page may be empty and still have a cursor",
                query=(NAME, CURSOR),
                gives=shapes.ShownPictures,
                answer=self.shown_page,
            ),
            "GET /api/chat/pictures": Route(
                summary="List the pictures that a chat or a member may show, and where each came from",
                query=PLACE,
                gives=shapes.PicturesOfPlace,
                errors=[HTTPStatus.NOT_FOUND],
                answer=self.pictures_of_place,
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
        count = _whole_members(rows, [each.member for each in references])
        if count < len(rows):
            following = references[count - 1].member
        return {
            "references": rows[:count],
            "nextCursor": cursors.write("uncached", following),
        }

    def pictures_of_place(self, *, chat_id: str, participant_id: str | None) -> shapes.PicturesOfPlace:
        """Answers `GET /api/chat/pictures`. Raises NotFoundError."""
        if participant_id is None:
            found = self.picture_finder.of_chat(chat_id)
        else:
            found = self.picture_finder.of_member(chat_id, participant_id)
        return {"pictures": [_picture_json(picture) for picture in found]}

    def shown_page(self, *, name: str, cursor: str | None) -> shapes.ShownPictures:
        """Answers `GET /api/images/shown`. Raises InvalidRequestError."""
        listing = f"shown {name}"
        after = cursors.read(listing, cursor, _member_position)
        found, following = self.picture_finder.named(name, after=after)
        rows = [_picture_json(picture) for picture in found]
        count = _whole_members(rows, [each.member for each in found])
        if count < len(rows):
            following = found[count - 1].member
        return {"pictures": rows[:count], "nextCursor": cursors.write(listing, following)}

    def explain(self, *, source_url: str) -> shapes.Story:
        """Answers `POST /api/images/explain`."""
        story = self.explainer.explain(source_url)
        return story_json(story, source_url, now=self.clock(), base_url=self.base_url)


def _whole_members(rows: Sequence[object], members: Sequence[MemberPosition]) -> int:
    """Returns how many of a page's first rows one answer may have.

    `members` has the member of each row. The following page begins after a member, so all pictures of one
    member are on one page.
    """
    count = rows_that_fit(rows)
    while count < len(rows) and members[count - 1] == members[count]:
        count -= 1
    return count


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
        "chatTitle": title_of(reference.chat) if reference.chat else None,
        "participantId": None if reference.shown_for is ShownFor.CHAT else participant.participant_id,
        "fullName": participant.shown_name,
        "source": reference.shown_for,
        "sourceUrl": reference.source_url,
        "status": view.status if view else "none",
        "reason": view.reason if view else None,
    }


def _picture_json(found: FoundPicture) -> shapes.ShownPicture:
    participant = found.participant
    return {
        "chatId": found.chat_id,
        "chatTitle": title_of(found.chat) if found.chat else None,
        "participantId": participant.participant_id if participant else None,
        "fullName": name_of(participant) if participant else None,
        "source": found.shown_for,
        "sourceUrl": found.source_url,
        "status": found.view.status if found.view else "none",
        "reason": found.view.reason if found.view else None,
        "cachedAt": iso8601(found.cached_at),
        "isShown": found.is_shown,
    }
