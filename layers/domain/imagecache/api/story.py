"""Converts the story of one image to the answer of `/api/images/explain`, with a summary in sentences."""

from collections.abc import Iterator

from imagecache.api import image_shapes, shapes
from imagecache.api.values import image_json, iso8601
from imagecache.model.image import FailureReason, ImageRecord, ImageStatus, LocationKind, OriginName
from imagecache.rules.failure_reasons import FAILURES, REJECTIONS
from imagecache.rules.image_choice import ShownImage
from imagecache.rules.names import title_of
from imagecache.rules.retries import NEVER
from imagecache.stores.chats.participants import CHAT_ROW
from imagecache.stores.state.circuits import Cause, OpenCircuit
from imagecache.usecases.reading.explain_image import ImageStory

_LOCATIONS = {
    LocationKind.BEEPER: "It is in Beeper's media folder, and is fetched from Beeper or the media server.",
    LocationKind.WEB: "It is on the web, and is fetched by https.",
    LocationKind.DATA: "It is contained in its URL.",
}
_ORIGINS = {OriginName.BEEPER: "Beeper", OriginName.MEDIA_SERVER: "the media server"}
_ASKED = {OriginName.WEB: "the web server", **_ORIGINS}
# The advice of the failure reason is for all servers, but here it is known which one is meant.
_UNREACHABLE = {
    LocationKind.BEEPER: "Check that Beeper Desktop, and the media server if there is one, are running.",
    LocationKind.WEB: "Check that the address opens in a browser: a site that is gone stays unreachable.",
}
_CAUSES = {
    Cause.OUTAGE: "cannot be reached, or something else answers in its place",
    Cause.UNAUTHORIZED: "refuses the token",
    Cause.BUSY: "has asked for a pause",
}
_MOST_TITLES = 5


def story_json(story: ImageStory, source_url: str, *, now: int, base_url: str) -> image_shapes.Story:
    """Converts the story of an image to the JSON of the API. `now` is in ms."""
    record = story.record or ImageRecord(image_key="", status=ImageStatus.PENDING)
    return {
        "sourceUrl": source_url,
        "source": story.location_kind,
        "status": story.view.status if story.view else "none",
        "reason": story.view.reason if story.view else None,
        "summary": [*_summary(story, now=now)],
        "attempts": [
            {"at": iso8601(answer.at), "origin": answer.origin, "answer": answer.answer}
            for answer in record.history
        ],
        "failures": record.failures,
        "queuedAt": iso8601(record.queued_at),
        "heldUntil": iso8601(record.held_until),
        "failedAt": iso8601(record.failed_at),
        "nextAttemptAt": iso8601(record.next_attempt_at),
        "cachedAt": iso8601(record.cached_at),
        "closedOrigins": [
            {
                "origin": circuit.origin,
                "cause": circuit.cause,
                "answer": circuit.answer,
                "until": iso8601(circuit.until),
            }
            for circuit in story.open_circuits
        ],
        "image": image_json(ShownImage(None, story.view), None, base_url),
        "shownBy": _shown_by(story),
        "moreShownBy": story.more_shown_by,
    }


def _shown_by(story: ImageStory) -> list[shapes.Shown]:
    return [
        {
            "chatId": reference.chat_id,
            "chatTitle": title_of(chat) if chat else None,
            "participantId": None if reference.participant_id == CHAT_ROW else reference.participant_id,
        }
        for reference, chat in story.shown_by
    ]


def _summary(story: ImageStory, *, now: int) -> Iterator[str]:
    """Yields sentences: where the image is, its state, its history, its next attempt, and who shows it."""
    if story.rejected:
        yield f"This URL is never fetched: {REJECTIONS[story.rejected]}."
        return
    yield _LOCATIONS[story.location_kind]
    if story.record is None:
        yield "It was never queued."
        if story.shown_by:
            yield "The next complete sync queues it."
        else:
            yield "A look-up with `enqueue` queues it."
    else:
        yield _state(story.record)
        for answer in story.record.history:
            yield f"{iso8601(answer.at)}: asked {_asked(answer.origin)}: {answer.answer}."
        yield _next(story.record, now=now)
        if story.record.status is ImageStatus.FAILED and story.record.reason:
            yield _advice(story.record.reason, story.location_kind)
    for circuit in story.open_circuits:
        yield _closed(circuit)
    if story.shown_by or not story.contacts:
        yield _titles(story)
    if story.is_remembered:
        is_cached = story.record is not None and story.record.status is ImageStatus.CACHED
        shown = "It is also shown" if is_cached else "Once it is cached, it is also shown"
        yield f"It is recorded for a person. {shown} where Beeper has no picture of that person."
    if story.contacts:
        contacts = " or ".join(f'"{contact_id}"' for contact_id in story.contacts)
        yield f"Shown for the contact {contacts} wherever that person has no picture of their own."


def _asked(origin: str) -> str:
    """Returns the name of an origin in words. A row may have an origin that this version does not know."""
    return _ASKED[OriginName(origin)] if origin in _ASKED else origin


def _advice(reason: FailureReason, kind: LocationKind) -> str:
    if reason is FailureReason.ORIGIN_DOWN and kind in _UNREACHABLE:
        return _UNREACHABLE[kind]
    return FAILURES[reason].advice


def _state(record: ImageRecord) -> str:
    match record.status:
        case ImageStatus.CACHED:
            since = iso8601(record.cached_at)
            return f"It has been cached since {since}: {record.file_size} bytes, {record.content_type}."
        case ImageStatus.FORGOTTEN:
            return "It was forgotten on request."
        case ImageStatus.PENDING:
            since = iso8601(record.queued_at)
            if since:
                return f"It has been waiting in the queue since {since}."
            return "It is being fetched for the first time."
        case ImageStatus.FAILED:
            times = "once" if record.failures <= 1 else f"{record.failures} times in a row"
            reason = FAILURES[record.reason].text if record.reason else "the reason was not recorded"
            return f"It failed {times}, last at {iso8601(record.failed_at)}: {reason}."


def _next(record: ImageRecord, *, now: int) -> str:
    if record.held_until > now:
        return f"A worker is fetching it now, until {iso8601(record.held_until)} at the latest."
    match record.status:
        case ImageStatus.FAILED:
            return _next_attempt(record)
        case ImageStatus.PENDING:
            due = iso8601(record.next_attempt_at)
            return f"If its message was lost, the first sync after {due} sends another."
        case ImageStatus.CACHED:
            return "Pages show it."
        case ImageStatus.FORGOTTEN:
            return "Only a refresh fetches it again."


def _next_attempt(record: ImageRecord) -> str:
    if record.queued_at:
        return f"It has been waiting in the queue for another attempt since {iso8601(record.queued_at)}."
    if record.next_attempt_at >= NEVER:
        return "It is not tried again by itself; a retry tries it once more."
    return f"The first sync after {iso8601(record.next_attempt_at)} tries it again; a retry does so now."


def _closed(circuit: OpenCircuit) -> str:
    origin = _ORIGINS[circuit.origin]
    answer = f" (its answer: {circuit.answer})" if circuit.answer else ""
    return (
        f"No picture is requested from {origin} before {iso8601(circuit.until)}, because {origin} "
        f"{_CAUSES[circuit.cause]}{answer}."
    )


def _titles(story: ImageStory) -> str:
    """Returns a sentence with the titles of at most five chats that show the image."""
    titles = dict.fromkeys(
        (title_of(chat) if chat else None) or reference.chat_id for reference, chat in story.shown_by
    )
    if not titles:
        return "No chat shows it."
    are_more = len(titles) > _MOST_TITLES or story.more_shown_by
    return f"Shown by {', '.join([*titles][:_MOST_TITLES])}{' and others' if are_more else ''}."
