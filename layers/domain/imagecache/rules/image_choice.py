"""Chooses the picture that a chat or a member shows, from what the cache has: the same order everywhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.chat import Chat, Participant
from imagecache.model.contact import Contact
from imagecache.model.image import ImageRef, ImageSource, ImageStatus, ImageView, image_source

Views = Mapping[str, ImageView]
"""Views by image key, of the images that have a row."""

_MOST_FACES = 4
# More than are shown, as some of them may not be cached.
_MEMBERS_CONSIDERED = 8


class ShownStatus(StrEnum):
    """The states of a picture as a page distinguishes them."""

    CACHED = "cached"
    PENDING = "pending"
    FAILED = "failed"
    NONE = "none"


class ShownFor(StrEnum):
    """The owners of a picture: the chat, a member, or the contact that a member is."""

    CHAT = "chat"
    PARTICIPANT = "participant"
    CONTACT = "contact"


@dataclass(frozen=True, slots=True)
class PictureCandidate:
    """A picture that may be shown. `source_url` is None where only the image's key is known."""

    shown_for: ShownFor
    image: ImageRef
    source_url: str | None = None

    @property
    def image_source(self) -> ImageSource | None:
        """The image to fetch, None if its URL is not known or never fetched."""
        return image_source(self.image, self.source_url)


@dataclass(frozen=True, slots=True)
class ShownImage:
    """The chosen picture and whose it is; either may be None."""

    shown_for: ShownFor | None
    view: ImageView | None

    @property
    def status(self) -> ShownStatus:
        """A forgotten picture counts as none."""
        if self.view is None or self.view.status is ImageStatus.FORGOTTEN:
            return ShownStatus.NONE
        return ShownStatus(self.view.status.value)

    @property
    def reason(self) -> str | None:
        """The reason of the failure, or `forgotten`; None if nothing is wrong with the picture."""
        if self.view and self.view.status is ImageStatus.FORGOTTEN:
            return ImageStatus.FORGOTTEN.value
        return self.view.reason if self.view and self.status is ShownStatus.FAILED else None


@dataclass(frozen=True, slots=True)
class ShownMember:
    """A member of a chat with their picture."""

    participant: Participant
    image: ShownImage


@dataclass(frozen=True, slots=True)
class ShownChat:
    """A chat with its picture, the faces that stand for a group without one, and its first members."""

    chat: Chat
    image: ShownImage
    faces: list[ShownMember]
    members: list[ShownMember]


NO_IMAGE = ShownImage(None, None)


def image_keys_of_chat(chat: Chat, member_limit: int) -> Iterator[str]:
    """Yields the keys of all images that may be shown for this chat and its first `member_limit` members."""
    yield from _keys(_pictures_of_chat(chat))
    yield from image_keys_of_members([*chat.participants[:member_limit], *_members_for_faces(chat)])


def image_keys_of_members(members: Iterable[Participant]) -> Iterator[str]:
    """Yields the keys of all images that may be shown for these members."""
    for member in members:
        yield from _keys(pictures_of(member))


def shown_chat(chat: Chat, views: Views, member_limit: int) -> ShownChat:
    """Chooses every picture of a chat and of its first `member_limit` members.

    `views` are those of `image_keys_of_chat`.
    """
    image = chat_image(chat, views)
    members = shown_members(chat.participants[:member_limit], views)
    return ShownChat(chat, image, faces(chat, image, views), members)


def shown_members(members: Iterable[Participant], views: Views) -> list[ShownMember]:
    """Chooses the picture of each member. `views` are those of `image_keys_of_members`."""
    return [ShownMember(member, participant_image(member, views)) for member in members]


def chat_image(chat: Chat, views: Views) -> ShownImage:
    """Returns the chat's first cached picture, else the first pending, else the first failed one."""
    return _choose(_pictures_of_chat(chat), views)


def participant_image(participant: Participant, views: Views) -> ShownImage:
    """Returns the picture of a member, chosen as a chat's is."""
    return _choose(pictures_of(participant), views)


def faces(chat: Chat, image: ShownImage, views: Views) -> list[ShownMember]:
    """Returns up to four members whose pictures stand for a group without a cached picture of its own.

    Members whose picture is cached come first, then those whose picture is pending. `image` is what
    `chat_image` has chosen.
    """
    if image.status is ShownStatus.CACHED:
        return []
    members = shown_members(_members_for_faces(chat), views)
    cached = [member for member in members if member.image.status is ShownStatus.CACHED]
    pending = [member for member in members if member.image.status is ShownStatus.PENDING]
    return [*cached, *pending][:_MOST_FACES]


def pictures_of(participant: Participant, contact: Contact | None = None) -> list[PictureCandidate]:
    """Returns the pictures that a member may show, the preferred one first. This rule stands nowhere else.

    A member's row has only the key of their contact's picture. Pass the contact to have the picture's URL,
    too, and to have a picture that is never fetched.
    """
    pictures: list[PictureCandidate] = []
    if participant.image:
        own = PictureCandidate(ShownFor.PARTICIPANT, participant.image, participant.source_url)
        pictures.append(own)
    if contact and contact.image:
        pictures.append(PictureCandidate(ShownFor.CONTACT, contact.image, contact.source_url))
    elif contact is None and participant.contact_image_key:
        pictures.append(PictureCandidate(ShownFor.CONTACT, ImageRef(participant.contact_image_key)))
    return pictures


def view_of(image: ImageRef, views: Views) -> ImageView | None:
    """Returns the view of an image, None without a row. An image that is never fetched counts as failed."""
    if image.rejected:
        return ImageView(ImageStatus.FAILED, reason=image.rejected.value)
    return views.get(image.key or "")


def other_person(chat: Chat) -> Participant | None:
    """Returns the first member that is neither the owner nor a bot; a bot only if there is nobody else."""
    others = [member for member in chat.participants if not member.is_self]
    people = [member for member in others if not _is_bot(member)]
    return next(iter(people or others), None)


def _is_bot(participant: Participant) -> bool:
    """Tells whether this is a bot of the network itself. Servers before 4.3 do not mark them."""
    name = (participant.full_name or "").lower()
    return participant.is_network_bot or "meta ai" in name or participant.username == "meta.ai"


def _pictures_of_chat(chat: Chat) -> list[PictureCandidate]:
    """Returns the chat's own picture, then, unless it is a group, those of the other person."""
    own = [PictureCandidate(ShownFor.CHAT, chat.image, chat.source_url)] if chat.image else []
    other = other_person(chat) if chat.type == "single" else None
    return [*own, *(pictures_of(other) if other else [])]


def _members_for_faces(chat: Chat) -> list[Participant]:
    """Returns the members of a group whose pictures may stand for it; none for any other chat."""
    if chat.type == "single":
        return []
    people = [
        member
        for member in chat.participants
        if pictures_of(member) and not member.is_self and not _is_bot(member)
    ]
    return people[:_MEMBERS_CONSIDERED]


def _keys(pictures: Iterable[PictureCandidate]) -> Iterator[str]:
    return (picture.image.key for picture in pictures if picture.image.key)


def _choose(pictures: Sequence[PictureCandidate], views: Views) -> ShownImage:
    candidates = [ShownImage(picture.shown_for, view_of(picture.image, views)) for picture in pictures]
    for status in (ShownStatus.CACHED, ShownStatus.PENDING, ShownStatus.FAILED):
        for candidate in candidates:
            if candidate.status is status:
                return candidate
    return NO_IMAGE
