"""Chooses the picture that a chat or a member shows from several candidates. No other module chooses."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from imagecache.model.chat import Chat, Participant
from imagecache.model.image import ImageRef, ImageSource, ImageStatus, ImageView, image_source

if TYPE_CHECKING:
    from imagecache.model.contact import Contact

Views = Mapping[str, ImageView]
"""The view of each image that has a row, by image key."""

_MOST_FACES = 4
# More than are shown, because the pictures of some may not be cached.
_MEMBERS_CONSIDERED = 8


class ShownStatus(StrEnum):
    """The states of a picture for a page. `none`: there is none, or it was forgotten or never queued."""

    CACHED = "cached"
    PENDING = "pending"
    FAILED = "failed"
    NONE = "none"


_SHOWN_STATUSES = {
    ImageStatus.CACHED: ShownStatus.CACHED,
    ImageStatus.PENDING: ShownStatus.PENDING,
    ImageStatus.FAILED: ShownStatus.FAILED,
    ImageStatus.FORGOTTEN: ShownStatus.NONE,
}
# The larger number is shown rather than the smaller one, and 0 is not shown.
_PREFERENCE = {
    ImageStatus.FORGOTTEN: 0,
    ImageStatus.FAILED: 1,
    ImageStatus.PENDING: 2,
    ImageStatus.CACHED: 3,
}


class ShownFor(StrEnum):
    """Says whose picture is shown: the chat's own, a member's own, or that of the member's contact.

    `former` is an earlier picture of the member, whose URL Beeper no longer sends.
    """

    CHAT = "chat"
    PARTICIPANT = "participant"
    CONTACT = "contact"
    FORMER = "former"


class PictureCandidate(NamedTuple):
    """A picture that may be shown. `source_url` is None if only the image's key is known."""

    shown_for: ShownFor
    image: ImageRef
    source_url: str | None = None

    @property
    def image_source(self) -> ImageSource | None:
        """The image to fetch, or None if its URL is unknown or rejected."""
        return image_source(self.image, self.source_url)


class ShownImage(NamedTuple):
    """The chosen picture and its owner.

    Without any candidate both are None. `view` is None, too, if the image was never queued.
    """

    shown_for: ShownFor | None
    view: ImageView | None

    @property
    def status(self) -> ShownStatus:
        """The state for a page: NONE without a view or for a forgotten image, or else the image's status."""
        return _SHOWN_STATUSES[self.view.status] if self.view else ShownStatus.NONE

    @property
    def reason(self) -> str | None:
        """The reason of a failure, or `forgotten`. None for any other state."""
        if self.view and self.view.status is ImageStatus.FORGOTTEN:
            return ImageStatus.FORGOTTEN.value
        return self.view.reason if self.view and self.status is ShownStatus.FAILED else None


class ShownMember(NamedTuple):
    """A member of a chat with their picture."""

    participant: Participant
    image: ShownImage


@dataclass(frozen=True, slots=True)
class ShownChat:
    """A chat with its picture, its first members, and the faces to show if a group has no cached picture."""

    chat: Chat
    image: ShownImage
    faces: list[ShownMember]
    members: list[ShownMember]


NO_IMAGE = ShownImage(None, None)


def image_keys_of_chat(chat: Chat, member_limit: int) -> Iterator[str]:
    """Yields the keys of all images that may be shown for this chat and its first `member_limit` members."""
    yield from (picture.image.key for picture in pictures_of_chat(chat) if picture.image.key)
    yield from image_keys_of_members(chat.participants[:member_limit])
    if len(chat.participants) > member_limit:
        yield from image_keys_of_members(_members_for_faces(chat))


def image_keys_of_members(members: Iterable[Participant]) -> Iterator[str]:
    """Yields the keys of all images that may be shown for these members."""
    # A page has 1,000 members, so this makes no candidates.
    for member in members:
        if member.image and member.image.key:
            yield member.image.key
        if member.contact_image_key:
            yield member.contact_image_key
        if member.former_image_key:
            yield member.former_image_key


def shown_chat(chat: Chat, views: Views, member_limit: int) -> ShownChat:
    """Chooses every picture of a chat and of its first `member_limit` members.

    `views` must contain the views of the keys that `image_keys_of_chat` yields for the same arguments.
    """
    image = chat_image(chat, views)
    members = shown_members(chat.participants[:member_limit], views)
    return ShownChat(chat, image, faces(chat, image, views), members)


def shown_members(members: Iterable[Participant], views: Views) -> list[ShownMember]:
    """Chooses the picture of each member. `views` must contain the views of `image_keys_of_members`."""
    return [ShownMember(member, participant_image(member, views)) for member in members]


def chat_image(chat: Chat, views: Views) -> ShownImage:
    """Returns the chat's first cached picture, else the first pending, else the first failed one."""
    return _choose(pictures_of_chat(chat), views)


def participant_image(participant: Participant, views: Views) -> ShownImage:
    """Returns the member's first cached picture, else the first pending, else the first failed one."""
    # Nothing is preferred to the own picture, so no candidates are made for most of a page's 1,000 members.
    own = participant.image
    view = views.get(own.key) if own and own.key else None
    if view and view.status is ImageStatus.CACHED:
        return ShownImage(ShownFor.PARTICIPANT, view)
    return _choose(pictures_of(participant), views)


def faces(chat: Chat, image: ShownImage, views: Views) -> list[ShownMember]:
    """Returns up to four members whose pictures are shown together for a group without a cached picture.

    Members with a cached picture come first, then members with a pending picture. `image` must be the result
    of `chat_image`; if it is cached, this returns an empty list.
    """
    if image.status is ShownStatus.CACHED:
        return []
    members = shown_members(_members_for_faces(chat), views)
    cached = [member for member in members if member.image.status is ShownStatus.CACHED]
    pending = [member for member in members if member.image.status is ShownStatus.PENDING]
    return [*cached, *pending][:_MOST_FACES]


def pictures_of(participant: Participant, contact: "Contact | None" = None) -> list[PictureCandidate]:
    """Returns the pictures that a member may show, the preferred one first: own, contact's, former picture.

    Without `contact`, the contact's picture has no URL, because a member's row has only its key, and a
    picture whose URL is rejected is missing.
    """
    pictures: list[PictureCandidate] = []
    if participant.image:
        own = PictureCandidate(ShownFor.PARTICIPANT, participant.image, participant.source_url)
        pictures.append(own)
    if contact and contact.image:
        pictures.append(PictureCandidate(ShownFor.CONTACT, contact.image, contact.source_url))
    elif contact is None and participant.contact_image_key:
        pictures.append(PictureCandidate(ShownFor.CONTACT, ImageRef(participant.contact_image_key)))
    if participant.former_image_key:
        pictures.append(PictureCandidate(ShownFor.FORMER, ImageRef(participant.former_image_key)))
    return pictures


def _has_picture(participant: Participant) -> bool:
    """Returns True if `pictures_of` returns any picture of this member."""
    return bool(participant.image or participant.contact_image_key or participant.former_image_key)


def view_of(image: ImageRef, views: Views) -> ImageView | None:
    """Returns the view of an image: FAILED if its URL is rejected, None if it has no entry in `views`."""
    if image.rejected:
        return ImageView(ImageStatus.FAILED, reason=image.rejected.value)
    return views.get(image.key or "")


def other_person(chat: Chat) -> Participant | None:
    """Returns the first member that is neither the owner nor a bot.

    Without such a member returns the first bot, or None if the owner is the only member.
    """
    return next(iter(other_people(chat)), None)


def other_people(chat: Chat) -> list[Participant]:
    """Returns the listed members that are neither the owner nor bots, or the bots if there are no others."""
    others = [member for member in chat.participants if not member.is_self]
    people = [member for member in others if not is_bot(member)]
    return people or others


def is_bot(participant: Participant) -> bool:
    """Returns True if the member is a bot of the network. Servers before 4.3 do not mark bots."""
    name = (participant.full_name or "").lower()
    return participant.is_network_bot or "meta ai" in name or participant.username == "meta.ai"


def pictures_of_chat(chat: Chat) -> list[PictureCandidate]:
    """Returns the chat's own picture, and after it, in a single chat, the pictures of the other person.

    A union has a member for each chat that was merged into it. They are all the other person, so it has the
    pictures of all of them.
    """
    own = [PictureCandidate(ShownFor.CHAT, chat.image, chat.source_url)] if chat.image else []
    others = other_people(chat) if chat.type == "single" else []
    people = others if chat.merged_chat_ids else others[:1]
    return [*own, *(picture for person in people for picture in pictures_of(person))]


def _members_for_faces(chat: Chat) -> list[Participant]:
    """Returns at most eight members of a group who have a picture, or an empty list for a single chat."""
    if chat.type == "single":
        return []
    people = (
        member
        for member in chat.participants
        if not member.is_self and _has_picture(member) and not is_bot(member)
    )
    return list(islice(people, _MEMBERS_CONSIDERED))


def _choose(pictures: Iterable[PictureCandidate], views: Views) -> ShownImage:
    chosen, chosen_preference = NO_IMAGE, 0
    for shown_for, image, _ in pictures:
        view = view_of(image, views)
        if view is None:
            continue
        # A former picture that is not cached cannot be shown: its origin no longer has it.
        if shown_for is ShownFor.FORMER and view.status is not ImageStatus.CACHED:
            continue
        preference = _PREFERENCE[view.status]
        if preference > chosen_preference:
            chosen, chosen_preference = ShownImage(shown_for, view), preference
    return chosen
