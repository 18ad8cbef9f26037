"""Lists the former pictures of a member: those of the person that Beeper does not name for this member."""

from dataclasses import dataclass, replace

from imagecache.errors import NotFoundError
from imagecache.model.chat import Chat, Participant
from imagecache.model.image import ImageStatus, ImageView
from imagecache.model.person import KnownPicture
from imagecache.rules.people import former_pictures, named_pictures
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.chats.people import PeopleTable
from imagecache.stores.images.cached_images import CachedImages


@dataclass(frozen=True, slots=True)
class FormerPicture:
    """A former picture. `view` is None if its image was never queued."""

    picture: KnownPicture
    view: ImageView | None


@dataclass(frozen=True, slots=True)
class MemberWithPictures:
    """A member and their former pictures, a chosen one first, then those that Beeper has named last."""

    participant: Participant
    pictures: list[FormerPicture]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerPictureListing:
    """Lists former pictures, without those that an operator has forgotten."""

    chats_table: ChatsTable
    participants_table: ParticipantsTable
    people_table: PeopleTable
    cached_images: CachedImages

    def of_member(self, chat_id: str, participant_id: str) -> MemberWithPictures:
        """Returns a member with their former pictures.

        Raises NotFoundError if the chat or the member is not stored.
        """
        member = self.participants_table.one(chat_id, participant_id)
        chat = next(iter(self.chats_table.several([chat_id])), None)
        if member is None or chat is None:
            raise NotFoundError("No member of a chat has this chatId and participantId")
        people = self.people_table.several(member.person_ids)
        named = self._keys_of_named(member, chat)
        pictures = former_pictures(member, people, network=chat.network_name, named=named)
        views = self.cached_images.views(each.image_key for each in pictures)
        former = [FormerPicture(picture, views.get(picture.image_key)) for picture in pictures]
        return MemberWithPictures(member, [each for each in former if not _is_forgotten(each)])

    def _keys_of_named(self, member: Participant, chat: Chat) -> set[str]:
        """Returns the keys of the pictures that Beeper names for a member: their own, and a single chat's."""
        if chat.type == "single":
            members = tuple(self.participants_table.roster(chat.chat_id).values())
        else:
            members = (member,)
        return {
            picture.image.key
            for picture in named_pictures(replace(chat, participants=members))
            if picture.member.participant_id == member.participant_id
        }


def _is_forgotten(former: FormerPicture) -> bool:
    return former.view is not None and former.view.status is ImageStatus.FORGOTTEN
