"""A chat and what the cache has → the picture to show: the same order of choice everywhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.chat import Chat, Participant
from imagecache.model.image import ImageRef, ImageStatus, ImageView

Views = Mapping[str, ImageView]
"""By image key; only keys that have a row."""

_MOST_FACES = 4
# Some of them may not be cached.
_FACES_LOOKED_AT = 8


class ShownStatus(StrEnum):
    """What a page can do with a picture."""

    CACHED = "cached"
    PENDING = "pending"
    FAILED = "failed"
    NONE = "none"


class ShownFor(StrEnum):
    """Whose picture it is."""

    CHAT = "chat"
    PARTICIPANT = "participant"
    CONTACT = "contact"


@dataclass(frozen=True, slots=True)
class ShownImage:
    """The picture chosen, and whose it is: None when there is none, or nobody has said."""

    source: ShownFor | None
    view: ImageView | None

    @property
    def status(self) -> ShownStatus:
        """A forgotten picture is none."""
        if self.view is None or self.view.status is ImageStatus.FORGOTTEN:
            return ShownStatus.NONE
        return ShownStatus(self.view.status.value)


NOTHING = ShownImage(None, None)
Candidate = tuple[ShownFor, ImageRef]
Face = tuple[Participant, ShownImage]


def chat_image(chat: Chat, views: Views) -> ShownImage:
    """The first cached candidate, else the first pending, else the first failed, else none."""
    return _choose(_candidates(chat), views)


def participant_image(participant: Participant, views: Views) -> ShownImage:
    """The member's own picture or that of their contact, chosen as a chat's is."""
    return _choose(_pictures(participant), views)


def faces(chat: Chat, image: ShownImage, views: Views) -> list[Face]:
    """Up to four members for a group that cannot show a picture of its own, the cached ones first."""
    if image.status is ShownStatus.CACHED:
        return []
    shown = [(one, participant_image(one, views)) for one in _pictured(chat)]
    cached = [face for face in shown if face[1].status is ShownStatus.CACHED]
    pending = [face for face in shown if face[1].status is ShownStatus.PENDING]
    return [*cached, *pending][:_MOST_FACES]


def keys_of(chat: Chat, participants: int) -> Iterator[str]:
    """The keys of every image that may be shown for this chat and its first members."""
    members = [*chat.participants[:participants], *_pictured(chat)]
    images = [*_candidates(chat), *(one for member in members for one in _pictures(member))]
    return (image.key for _, image in images if image.key)


def participant_keys(participants: Iterable[Participant]) -> Iterator[str]:
    """The keys of every image that may be shown for members."""
    return (image.key for one in participants for _, image in _pictures(one) if image.key)


def view_of(image: ImageRef, views: Views) -> ImageView | None:
    """What the cache has of an image; a URL that is never fetched has failed."""
    if image.rejected:
        return ImageView(ImageStatus.FAILED, reason=image.rejected.value)
    return views.get(image.key or "")


def other_person(chat: Chat) -> Participant | None:
    """The first who is neither the owner nor a network's bot; a bot only where there is nobody else."""
    others = [one for one in chat.participants if not one.is_self]
    people = [one for one in others if not _is_bot(one)]
    return next(iter(people or others), None)


def _is_bot(participant: Participant) -> bool:
    """Networks put their own bots into chats; servers before 4.3 do not mark them."""
    name = (participant.full_name or "").lower()
    return participant.is_network_bot or "meta ai" in name or participant.username == "meta.ai"


def _candidates(chat: Chat) -> list[Candidate]:
    """The chat's own picture, then the other person's (never one member's for a group)."""
    own = [(ShownFor.CHAT, chat.image)] if chat.image else []
    other = other_person(chat) if chat.type == "single" else None
    return [*own, *(_pictures(other) if other else [])]


def _pictures(participant: Participant) -> list[Candidate]:
    """The member's own picture, then that of the contact that they are."""
    own = [(ShownFor.PARTICIPANT, participant.image)] if participant.image else []
    key = participant.contact_image_key
    return [*own, *([(ShownFor.CONTACT, ImageRef(key))] if key else [])]


def _pictured(chat: Chat) -> list[Participant]:
    """The members whose faces may stand for a group."""
    if chat.type == "single":
        return []
    people = [one for one in chat.participants if _pictures(one) and not one.is_self and not _is_bot(one)]
    return people[:_FACES_LOOKED_AT]


def _choose(candidates: Sequence[Candidate], views: Views) -> ShownImage:
    seen = [ShownImage(source, view_of(image, views)) for source, image in candidates]
    for status in (ShownStatus.CACHED, ShownStatus.PENDING, ShownStatus.FAILED):
        for shown in seen:
            if shown.status is status:
                return shown
    return NOTHING
