"""Images by themselves → what the routes below `/api/images` answer."""

from collections.abc import Sequence
from dataclasses import asdict

from imagecache.api import cursor as cursors
from imagecache.api import image_shapes as shapes
from imagecache.api.fields import CURSOR, MOST_URL_CHARS, SOURCE_URL, Choice, Flag, Texts
from imagecache.api.http import Log
from imagecache.api.image import image_json
from imagecache.api.moments import iso8601
from imagecache.errors import InvalidRequestError
from imagecache.model.access import Role
from imagecache.model.image import ImageRecord, ImageStatus
from imagecache.rules.image_choice import ShownFor, ShownImage
from imagecache.stores.blobs import image_path
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.contacts.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.images.catalogue import ImageCatalogue
from imagecache.usecases.operating.change_image import ImageChanges
from imagecache.usecases.operating.look_up_images import ImageLookup
from imagecache.usecases.reading.list_uncached import Uncached, list_uncached

ROWS_QUERY = (Choice("status", ImageStatus, required=True), CURSOR)
UNCACHED_QUERY = (CURSOR,)
LOOKUP_BODY = (
    Texts(
        "sourceUrls",
        500,
        MOST_URL_CHARS,
        required=True,
        about="of any scheme, each as another application has it",
    ),
    Flag("enqueue", role=Role.ADMIN, about="queue those that are missing"),
)
ONE_BODY = (SOURCE_URL,)

_ROWS_A_PAGE = 100


def rows_page(
    *, status: ImageStatus, cursor: str | None, catalogue: ImageCatalogue, base_url: str
) -> shapes.ImageRows:
    """`GET /api/images`. Raises InvalidRequestError."""
    listing = f"images {status.value}"
    after = cursors.read(listing, cursor)
    match after:
        case None | [str()] | [str(), int()]:
            rows, end = catalogue.by_status(status, limit=_ROWS_A_PAGE, after=after)
        case _:
            raise InvalidRequestError("cursor is not one of ours: leave it out to start again")
    return {
        "images": [_row(facts, base_url) for facts in rows],
        "nextCursor": cursors.write(listing, end),
    }


def uncached_page(
    *, cursor: str | None, participants: ParticipantsTable, contacts: ContactsTable, images: CachedImages
) -> shapes.References:
    """`GET /api/images/uncached`. Raises InvalidRequestError."""
    match cursors.read("uncached", cursor):
        case None:
            after = None
        case [str(chat_id), str(participant_id)]:
            after = chat_id, participant_id
        case _:
            raise InvalidRequestError("cursor is not one of ours: leave it out to start again")
    found, end = list_uncached(participants=participants, contacts=contacts, images=images, after=after)
    return {
        "references": [_reference(one) for one in found],
        "nextCursor": cursors.write("uncached", end),
    }


def looked_up(
    *, source_urls: Sequence[str], enqueue: bool, lookup: ImageLookup, base_url: str
) -> shapes.Images:
    """`POST /api/images/lookup`."""
    views = lookup.look_up(source_urls, enqueue=enqueue)
    shown = {url: ShownImage(None, view) for url, view in views.items()}
    return {"images": {url: image_json(image, None, base_url) for url, image in shown.items()}}


def refreshed(*, source_url: str, changes: ImageChanges) -> shapes.Queued:
    """`POST /api/images/refresh`. Raises InvalidRequestError, NotFoundError."""
    changes.refresh(source_url)
    return {"status": "pending"}


def retried(*, source_url: str, changes: ImageChanges) -> shapes.Queued:
    """`POST /api/images/retry`. Raises InvalidRequestError, NotFoundError, ConflictError."""
    changes.retry(source_url)
    return {"status": "pending"}


def forgotten(*, source_url: str, changes: ImageChanges, log: Log) -> shapes.Forgotten:
    """`POST /api/images/forget`. Raises InvalidRequestError, NotFoundError."""
    done = changes.forget(source_url)
    log.info("forget", extra=asdict(done))
    return {"status": "forgotten", "deletedVersions": done.deleted_versions, "edge": done.invalidation}


def _row(facts: ImageRecord, base_url: str) -> shapes.ImageRow:
    return {
        "sourceUrl": facts.source_url,
        "status": facts.status,
        "reason": facts.reason,
        "queuedAt": iso8601(facts.queued_at),
        "failedAt": iso8601(facts.failed_at),
        "nextAttemptAt": iso8601(facts.next_attempt_at),
        "cachedAt": iso8601(facts.cached_at),
        "contentType": facts.content_type,
        "fileSize": facts.file_size or None,
        "url": base_url + image_path(facts.blob_id, 192) if facts.blob_id else None,
    }


def _reference(one: Uncached) -> shapes.Reference:
    (chat_id, participant), source, source_url, _ = one.shown
    return {
        "chatId": chat_id,
        "participantId": None if source is ShownFor.CHAT else participant.participant_id,
        "fullName": participant.full_name,
        "source": source,
        "sourceUrl": source_url,
        "status": one.view.status if one.view else "none",
        "reason": one.view.reason if one.view else None,
    }
