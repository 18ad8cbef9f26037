"""Explains why one picture is cached or missing: the state of its image, its history, and who shows it."""

from dataclasses import dataclass

from imagecache.clock import Clock
from imagecache.errors import RejectedSourceError
from imagecache.model.chat import Chat
from imagecache.model.image import ImageRecord, ImageStatus, ImageView, LocationKind, RejectionReason
from imagecache.rules.retries import NEVER
from imagecache.rules.source_urls import location_kind, parse_source_url
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import ParticipantsTable, Reference
from imagecache.stores.chats.people import is_person
from imagecache.stores.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.state.circuits import OpenCircuit, OriginCircuits

_MOST_SHOWN_BY = 50
_MOST_CONTACTS = 5
_MOST_PERSON_ROWS = 10


@dataclass(frozen=True, slots=True)
class ImageStory:
    """The state of an image, and some of the chats, members and contacts that show it.

    `record` and `view` are None if the image was never queued. `shown_by` has at most 50 references, with
    their chats if these are stored; `more_shown_by` is True if there are more. `contacts` has at most 5
    contact ids. If the image waits to be fetched, `open_circuits` has those that keep it waiting.
    `is_remembered` is True if the image is a picture of a person that Beeper names or has named.
    """

    location_kind: LocationKind
    rejected: RejectionReason | None
    record: ImageRecord | None
    view: ImageView | None
    shown_by: list[tuple[Reference, Chat | None]]
    more_shown_by: bool
    contacts: list[str]
    open_circuits: tuple[OpenCircuit, ...] = ()
    is_remembered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageExplainer:
    """Collects the state and the history of one image, and the places that show it."""

    cached_images: CachedImages
    participants_table: ParticipantsTable
    chats_table: ChatsTable
    contacts_table: ContactsTable
    circuits: OriginCircuits
    clock: Clock

    def explain(self, source_url: str) -> ImageStory:
        """Returns the story of the image of this URL.

        This needs two reads of the image's row, one Query for members and one for contacts, one look-up of
        the chats, and for an image of Beeper that waits one read for each of the two circuits.
        """
        try:
            key = parse_source_url(source_url).key
        except RejectedSourceError as error:
            return _rejected(error.reason)
        # A picture of a person has at most a row for each of the person's ids, of which few are expected.
        referring = self.participants_table.referring(key, limit=_MOST_SHOWN_BY + _MOST_PERSON_ROWS + 1)
        references = [reference for reference in referring if not is_person(reference.chat_id)]
        shown_by = references[:_MOST_SHOWN_BY]
        chats = {
            chat.chat_id: chat
            for chat in self.chats_table.several(reference.chat_id for reference in shown_by)
        }
        kind = location_kind(source_url)
        record = self.cached_images.record(key)
        is_waiting = kind is LocationKind.BEEPER and _waits(record)
        return ImageStory(
            kind,
            None,
            record,
            self.cached_images.views([key]).get(key),
            [(reference, chats.get(reference.chat_id)) for reference in shown_by],
            more_shown_by=len(references) > _MOST_SHOWN_BY,
            contacts=self.contacts_table.referring(key, limit=_MOST_CONTACTS),
            open_circuits=tuple(self.circuits.open_circuits(now=self.clock())) if is_waiting else (),
            is_remembered=len(references) < len(referring),
        )


def _waits(record: ImageRecord | None) -> bool:
    """Returns whether an image is going to be fetched without anything that a person does."""
    match record:
        case None | ImageRecord(status=ImageStatus.PENDING):
            return True
        case ImageRecord(status=ImageStatus.FAILED):
            return record.next_attempt_at < NEVER
        case _:
            return record.refresh_requested_at > record.checked_at


def _rejected(reason: RejectionReason) -> ImageStory:
    view = ImageView(ImageStatus.FAILED, reason=reason.value)
    return ImageStory(LocationKind.REJECTED, reason, None, view, [], more_shown_by=False, contacts=[])
