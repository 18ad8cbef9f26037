"""The story of one image → what `/api/images/explain` answers: its fields, and plain sentences."""

from collections.abc import Iterator

from imagecache.api import image_shapes, shapes
from imagecache.api.chats import title_of
from imagecache.api.image import image_json
from imagecache.api.moments import iso8601
from imagecache.clock import Clock
from imagecache.model.image import ImageRecord, ImageStatus, LocationKind
from imagecache.rules.failure_reasons import FAILURES, REJECTIONS
from imagecache.rules.image_choice import ShownImage
from imagecache.rules.retries import NEVER
from imagecache.stores.chats.chat_reader import ChatReader
from imagecache.stores.chats.participants import CHAT_ROW, ParticipantsTable
from imagecache.stores.contacts.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.images.catalogue import ImageCatalogue
from imagecache.usecases.reading.explain_image import ImageStory, explain_image

_SOURCES = {
    LocationKind.BEEPER: "It lies in Beeper's media folder: Beeper is asked for it, or the media server.",
    LocationKind.WEB: "It is somewhere on the web and is fetched over https.",
    LocationKind.DATA: "The picture is within its own URL.",
}
_MOST_TITLES = 5


def explained(
    *,
    source_url: str,
    catalogue: ImageCatalogue,
    images: CachedImages,
    participants: ParticipantsTable,
    chats: ChatReader,
    contacts: ContactsTable,
    base_url: str,
    clock: Clock,
) -> image_shapes.Story:
    """`POST /api/images/explain`."""
    story = explain_image(
        source_url,
        catalogue=catalogue,
        images=images,
        participants=participants,
        chats=chats,
        contacts=contacts,
    )
    facts = story.facts or ImageRecord(image_key="", status=ImageStatus.PENDING)
    return {
        "sourceUrl": source_url,
        "source": story.source,
        "status": story.view.status if story.view else "none",
        "reason": story.view.reason if story.view else None,
        "summary": [*_summary(story, now=clock())],
        "attempts": [
            {"at": iso8601(one.at), "origin": one.origin, "answer": one.answer} for one in facts.history
        ],
        "failures": facts.failures,
        "queuedAt": iso8601(facts.queued_at),
        "heldUntil": iso8601(facts.held_until),
        "failedAt": iso8601(facts.failed_at),
        "nextAttemptAt": iso8601(facts.next_attempt_at),
        "cachedAt": iso8601(facts.cached_at),
        "image": image_json(ShownImage(None, story.view), None, base_url),
        "shownBy": _shown_by(story),
        "moreShownBy": story.more_shown_by,
    }


def _shown_by(story: ImageStory) -> list[shapes.Shown]:
    return [
        {
            "chatId": one.chat_id,
            "chatTitle": title_of(chat) if chat else None,
            "participantId": None if one.participant_id == CHAT_ROW else one.participant_id,
        }
        for one, chat in story.shown_by
    ]


def _summary(story: ImageStory, *, now: int) -> Iterator[str]:
    """What it is, what happened, what happens next and when, who shows it."""
    if story.rejected:
        yield f"This URL is never fetched: {REJECTIONS[story.rejected]}."
        return
    yield _SOURCES[story.source]
    if story.facts is None:
        yield "Nobody has asked for it yet."
        yield "The next complete sync queues it." if story.shown_by else "A look-up with enqueue queues it."
    else:
        yield _state(story.facts)
        for one in story.facts.history:
            yield f"{iso8601(one.at)}: asked {one.origin}, the answer was: {one.answer}."
        yield _next(story.facts, now=now)
        if story.facts.status is ImageStatus.FAILED and story.facts.reason:
            yield FAILURES[story.facts.reason].advice
    if story.shown_by or not story.contacts:
        yield _shown_by_whom(story)
    if story.contacts:
        yield f"It stands in where the contact {' or '.join(story.contacts)} is met without a picture."


def _state(facts: ImageRecord) -> str:
    match facts.status:
        case ImageStatus.CACHED:
            since = iso8601(facts.cached_at)
            return f"It is cached since {since}: {facts.file_size} bytes, {facts.content_type}."
        case ImageStatus.FORGOTTEN:
            return "It was forgotten on request."
        case ImageStatus.PENDING:
            since = iso8601(facts.queued_at)
            return (
                f"It waits in the queue since {since}."
                if since
                else "It is being fetched for the first time."
            )
        case ImageStatus.FAILED:
            times = "once" if facts.failures <= 1 else f"{facts.failures} times in a row"
            why = FAILURES[facts.reason].text if facts.reason else "unknown"
            return f"It failed {times}, last at {iso8601(facts.failed_at)}: {why}."


def _next(facts: ImageRecord, *, now: int) -> str:
    if facts.held_until > now:
        return f"A worker has it now, until {iso8601(facts.held_until)} at the latest."
    if facts.status is ImageStatus.FAILED:
        return _next_try(facts)
    if facts.status is ImageStatus.PENDING:
        return f"If its message was lost, a sync after {iso8601(facts.next_attempt_at)} sends another."
    return "Pages show it." if facts.status is ImageStatus.CACHED else "Only a refresh brings it back."


def _next_try(facts: ImageRecord) -> str:
    if facts.queued_at:
        return f"It waits in the queue for another try since {iso8601(facts.queued_at)}."
    if facts.next_attempt_at >= NEVER:
        return "It is not tried again by itself: retry asks for it once more."
    return f"The first sync after {iso8601(facts.next_attempt_at)} tries it again; retry does so now."


def _shown_by_whom(story: ImageStory) -> str:
    titles = dict.fromkeys((chat and title_of(chat)) or one.chat_id for one, chat in story.shown_by)
    if not titles:
        return "No chat shows it."
    named = ", ".join([*titles][:_MOST_TITLES])
    return f"Shown by {named}{' and others' if len(titles) > _MOST_TITLES or story.more_shown_by else ''}."
