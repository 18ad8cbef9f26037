"""Why one face is there or missing: all that is known of its image, and who shows it."""

from dataclasses import dataclass

from imagecache.errors import RejectedSourceError
from imagecache.model.chat import Chat
from imagecache.model.image import ImageRecord, ImageStatus, ImageView, LocationKind, RejectionReason
from imagecache.rules.source_urls import location_kind, parse_source_url
from imagecache.stores.chats.chat_reader import ChatReader
from imagecache.stores.chats.participants import ParticipantsTable, Reference
from imagecache.stores.contacts.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.images.catalogue import ImageCatalogue

_MOST_SHOWN_BY = 50
_MOST_CONTACTS = 5


@dataclass(frozen=True, slots=True)
class ImageStory:
    """`facts` is None for an image that nobody has asked for; `contacts` are ids of some that have it."""

    source: LocationKind
    rejected: RejectionReason | None
    facts: ImageRecord | None
    view: ImageView | None
    shown_by: list[tuple[Reference, Chat | None]]
    more_shown_by: bool
    contacts: list[str]


def explain_image(
    source_url: str,
    *,
    catalogue: ImageCatalogue,
    images: CachedImages,
    participants: ParticipantsTable,
    chats: ChatReader,
    contacts: ContactsTable,
) -> ImageStory:
    """The row and what pages see of it, a query for each kind of reference, one look-up of their chats."""
    try:
        source = parse_source_url(source_url)
    except RejectedSourceError as error:
        return _rejected(error.reason)
    shown = participants.referring(source.key, limit=_MOST_SHOWN_BY + 1)
    more, shown = len(shown) > _MOST_SHOWN_BY, shown[:_MOST_SHOWN_BY]
    known = {chat.chat_id: chat for chat in chats.several(one.chat_id for one in shown)}
    return ImageStory(
        location_kind(source_url),
        None,
        catalogue.record(source.key),
        images.views([source.key]).get(source.key),
        [(one, known.get(one.chat_id)) for one in shown],
        more_shown_by=more,
        contacts=contacts.referring(source.key, limit=_MOST_CONTACTS),
    )


def _rejected(reason: RejectionReason) -> ImageStory:
    view = ImageView(ImageStatus.FAILED, reason=reason.value)
    return ImageStory(LocationKind.REJECTED, reason, None, view, [], more_shown_by=False, contacts=[])
