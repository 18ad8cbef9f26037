"""Lists the references without a cached image: which pictures are missing, and why."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from imagecache.model.chat import Chat, Participant
from imagecache.model.image import ImageRef, ImageStatus, ImageView
from imagecache.rules.image_choice import ShownFor, pictures_of, view_of
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import CHAT_ROW, Member, ParticipantsTable
from imagecache.stores.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages

MemberPosition = tuple[str, str]
"""The chat id and the participant id of the last row that was read."""

# A page ends when it has _ENOUGH references, or after _MOST_SCANS scans of at most 500 rows. So a page may be
# short or empty although more pages follow.
_ENOUGH = 100
_MOST_SCANS = 4


@dataclass(frozen=True, slots=True)
class PictureReference:
    """A picture that a chat or a member shows.

    `view` is None if its image was never queued, and `chat` if the chat is not stored.
    """

    chat_id: str
    participant: Participant
    shown_for: ShownFor
    source_url: str
    image: ImageRef
    view: ImageView | None = None
    chat: Chat | None = None

    @property
    def member(self) -> MemberPosition:
        """The row that shows the picture. A member with a contact may show two pictures."""
        return self.chat_id, self.participant.participant_id


@dataclass(frozen=True, slots=True, kw_only=True)
class UncachedListing:
    """Lists references without a cached image, by scans of chatParticipants."""

    chats_table: ChatsTable
    participants_table: ParticipantsTable
    contacts_table: ContactsTable
    cached_images: CachedImages

    def page(self, *, after: MemberPosition | None) -> tuple[list[PictureReference], MemberPosition | None]:
        """Returns references, and where the next page starts (None after the last page).

        The order is undefined. A page may be empty although more pages follow.
        """
        uncached: list[PictureReference] = []
        for _ in range(_MOST_SCANS):
            members, after = self.participants_table.members(after=after)
            uncached += self._uncached(list(self._references(members)))
            if after is None or len(uncached) >= _ENOUGH:
                break
        chats = {chat.chat_id: chat for chat in self.chats_table.several(each.chat_id for each in uncached)}
        return [replace(each, chat=chats.get(each.chat_id)) for each in uncached], after

    def _uncached(self, references: list[PictureReference]) -> Iterator[PictureReference]:
        views = self.cached_images.views(each.image.key for each in references if each.image.key)
        for reference in references:
            view = view_of(reference.image, views)
            if view is None or view.status is not ImageStatus.CACHED:
                yield replace(reference, view=view)

    def _references(self, members: list[Member]) -> Iterator[PictureReference]:
        """Yields every picture that these rows show. Looks up all their contacts at once."""
        contacts = self.contacts_table.several(
            member.participant.contact_id for member in members if member.participant.contact_id
        )
        for chat_id, participant in members:
            for picture in pictures_of(participant, contacts.get(participant.contact_id or "")):
                if picture.source_url:
                    is_chats_own = participant.participant_id == CHAT_ROW
                    shown_for = ShownFor.CHAT if is_chats_own else picture.shown_for
                    yield PictureReference(chat_id, participant, shown_for, picture.source_url, picture.image)
