"""Finds the pictures of chats and members, with the source URL by which an operator changes each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from imagecache.errors import NotFoundError
from imagecache.model.chat import Chat, Participant
from imagecache.model.image import ImageView
from imagecache.rules.image_choice import (
    NO_IMAGE,
    PictureCandidate,
    ShownFor,
    ShownImage,
    Views,
    chat_image,
    participant_image,
    pictures_of,
    pictures_of_chat,
    view_of,
)
from imagecache.rules.names import is_part_of, title_of
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import CHAT_ROW, Member, ParticipantsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.reading.list_uncached import MemberPosition

# A page ends when it has _ENOUGH pictures, or after _MOST_SCANS scans of at most 500 rows. So a page may be
# short or empty although more pages follow.
_ENOUGH = 100
_MOST_SCANS = 4


@dataclass(frozen=True, slots=True)
class FoundPicture:
    """A picture that a chat or a member may show.

    `participant` is None for the picture of the chat itself; `chat` is None if the chat is not stored. `view`
    is None if the image was never queued. `cached_at` is in ms, and 0 if it is not cached. `is_shown` is True
    for the one picture, of all that this place may show, that pages show there.
    """

    chat_id: str
    chat: Chat | None
    participant: Participant | None
    shown_for: ShownFor
    source_url: str
    view: ImageView | None
    cached_at: int
    is_shown: bool

    @property
    def member(self) -> MemberPosition:
        """The row of chatParticipants that has the picture."""
        return self.chat_id, self.participant.participant_id if self.participant else CHAT_ROW


@dataclass(frozen=True, slots=True)
class _Place:
    """A chat (`participant` is None) or a member, with the pictures it may show, the preferred one first."""

    chat_id: str
    chat: Chat | None
    participant: Participant | None
    pictures: list[PictureCandidate]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFinder:
    """Finds pictures by the place that shows them, or by the name of that place."""

    chats_table: ChatsTable
    participants_table: ParticipantsTable
    cached_images: CachedImages

    def of_chat(self, chat_id: str) -> list[FoundPicture]:
        """Returns the pictures that a chat may show: its own, and in a single chat the other person's.

        Raises NotFoundError if the chat is not stored.
        """
        chat = self._chat(chat_id)
        return self._found([_Place(chat_id, chat, None, pictures_of_chat(chat))])

    def of_member(self, chat_id: str, participant_id: str) -> list[FoundPicture]:
        """Returns the pictures that a member may show: their own, their contact's and a former one.

        Raises NotFoundError if the chat or the member is not stored.
        """
        chat = self._chat(chat_id)
        member = self.participants_table.one(chat_id, participant_id)
        if member is None:
            raise NotFoundError("No member of this chat has this participantId")
        return self._found([self._member_as_place(Member(chat_id, member), chat)])

    def named(
        self, name: str, *, after: MemberPosition | None
    ) -> tuple[list[FoundPicture], MemberPosition | None]:
        """Returns pictures of members whose name contains `name`, and of chats whose title does.

        The case and accents do not matter. Also returns where the next page starts (None after the last
        page). The order is undefined. A page may be empty although more pages follow.
        """
        found: list[FoundPicture] = []
        for _ in range(_MOST_SCANS):
            members, after = self.participants_table.members(after=after)
            found += self._found(self._named_places(name, members))
            if after is None or len(found) >= _ENOUGH:
                break
        return found, after

    def _named_places(self, name: str, members: list[Member]) -> Iterator[_Place]:
        matching = [row for row in members if row.participant.participant_id == CHAT_ROW or _has(name, row)]
        chats = {chat.chat_id: chat for chat in self.chats_table.several(row.chat_id for row in matching)}
        for row in matching:
            chat = chats.get(row.chat_id)
            if row.participant.participant_id != CHAT_ROW:
                yield self._member_as_place(row, chat)
            elif chat and chat.image and is_part_of(name, title_of(chat)):
                # The other person of a single chat has a row of their own.
                own = PictureCandidate(ShownFor.CHAT, chat.image, chat.source_url)
                yield _Place(chat.chat_id, chat, None, [own])

    def _chat(self, chat_id: str) -> Chat:
        chat = self.chats_table.one(chat_id)
        if chat is None:
            raise NotFoundError("No chat has this chatId")
        return chat

    def _member_as_place(self, row: Member, chat: Chat | None) -> _Place:
        member = self.participants_table.as_shown(row.participant)
        return _Place(row.chat_id, chat, member, pictures_of(member))

    def _found(self, places: Iterable[_Place]) -> list[FoundPicture]:
        """Returns the pictures of these places whose source URL is known."""
        places = list(places)
        keys = {picture.image.key for place in places for picture in place.pictures if picture.image.key}
        views = self.cached_images.views(keys)
        # The rows of chats and members do not have the URLs of contacts' and of former pictures.
        records = self.cached_images.sources(keys)
        found: list[FoundPicture] = []
        for place in places:
            shown: ShownImage | None = _shown_image(place, views)
            for picture in place.pictures:
                record = records.get(picture.image.key or "")
                source_url = (record.source_url if record else None) or picture.source_url
                view = view_of(picture.image, views)
                is_shown = view is not None and shown == ShownImage(picture.shown_for, view)
                if is_shown:
                    shown = None  # a union may have several equal ones
                if source_url:
                    found.append(
                        FoundPicture(
                            place.chat_id,
                            place.chat,
                            place.participant,
                            picture.shown_for,
                            source_url,
                            view,
                            record.cached_at if record else 0,
                            is_shown,
                        )
                    )
        return found


def _shown_image(place: _Place, views: Views) -> ShownImage:
    if place.participant:
        return participant_image(place.participant, views)
    return chat_image(place.chat, views) if place.chat else NO_IMAGE


def _has(name: str, row: Member) -> bool:
    member = row.participant
    return any(is_part_of(name, each) for each in (member.shown_name, member.full_name, member.username))
