"""Explains why one picture is there or missing: everything that is known of its image, and who shows it."""

from dataclasses import dataclass
from enum import StrEnum

from imagecache.errors import RejectedSourceError
from imagecache.model.chat import Chat
from imagecache.model.image import ImageStatus, ImageView, RejectionReason
from imagecache.rules.source_urls import ImageLocation, MediaLocation, WebLocation, parse_source_url
from imagecache.stores.chats.chat_reader import ChatReader
from imagecache.stores.chats.participants import ParticipantsTable, Reference
from imagecache.stores.contacts.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.images.catalogue import ImageCatalogue, ImageFacts

_MOST_SHOWN_BY = 50
_MOST_CONTACTS = 5


class LocationKind(StrEnum):
    """Where the bytes of an image are; REJECTED for a URL that is never fetched."""

    BEEPER = "beeper"
    WEB = "web"
    DATA = "data"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class ImageStory:
    """All that is known of an image.

    `facts` is None for an image that was never queued. `contacts` are the ids of some contacts that have it.
    """

    location_kind: LocationKind
    rejected: RejectionReason | None
    facts: ImageFacts | None
    view: ImageView | None
    shown_by: list[tuple[Reference, Chat | None]]
    more_shown_by: bool
    contacts: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageExplainer:
    """Tells the stories of images."""

    catalogue: ImageCatalogue
    cached_images: CachedImages
    participants_table: ParticipantsTable
    chat_reader: ChatReader
    contacts_table: ContactsTable

    def explain(self, source_url: str) -> ImageStory:
        """Returns the story of the image that a URL means.

        Costs two reads of its row, a Query for each kind of reference, and one look-up of the chats that show
        it.
        """
        try:
            location = parse_source_url(source_url)
        except RejectedSourceError as error:
            return _rejected(error.reason)
        key = location.key
        references = self.participants_table.referring(key, limit=_MOST_SHOWN_BY + 1)
        shown_by = references[:_MOST_SHOWN_BY]
        chats = {
            chat.chat_id: chat
            for chat in self.chat_reader.several(reference.chat_id for reference in shown_by)
        }
        return ImageStory(
            _location_kind(location),
            None,
            self.catalogue.facts(key),
            self.cached_images.views([key]).get(key),
            [(reference, chats.get(reference.chat_id)) for reference in shown_by],
            more_shown_by=len(references) > _MOST_SHOWN_BY,
            contacts=self.contacts_table.referring(key, limit=_MOST_CONTACTS),
        )


def _rejected(reason: RejectionReason) -> ImageStory:
    view = ImageView(ImageStatus.FAILED, reason=reason.value)
    return ImageStory(LocationKind.REJECTED, reason, None, view, [], more_shown_by=False, contacts=[])


def _location_kind(location: ImageLocation) -> LocationKind:
    match location:
        case MediaLocation():
            return LocationKind.BEEPER
        case WebLocation():
            return LocationKind.WEB
        case _:
            return LocationKind.DATA
