"""A page of chats with every picture: one Query, then one wave of look-ups over the page's distinct keys."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from imagecache.model import Chat, Folder, ImageRef, ImageStatus, ImageView, Participant
from imagecache.stores.chats import BeeperChats, Position
from imagecache.stores.images import CachedImages


@dataclass(frozen=True, slots=True)
class ShownImage:
    """The picture chosen for a chat or a member. `source` is chat or participant, None when there is none."""

    source: str | None
    view: ImageView | None


@dataclass(frozen=True, slots=True)
class ShownChat:
    chat: Chat
    image: ShownImage
    participants: list[tuple[Participant, ShownImage]]


@dataclass(frozen=True, slots=True)
class ChatList:
    chats: list[ShownChat]
    position: Position | None


def list_chats(
    *,
    chats: BeeperChats,
    images: CachedImages,
    folder: Folder,
    limit: int,
    after: Position | None,
    participants: int,
) -> ChatList:
    """At most `limit` chats, newest first, each with its first `participants` members."""
    page = chats.newest(folder, limit=limit, after=after)
    views = images.views(
        image.key for chat in page.chats for image in _images(chat, participants) if image.key
    )
    return ChatList([_show(chat, participants, views) for chat in page.chats], page.position)


def other_person(chat: Chat) -> Participant | None:
    """The first who is neither the owner nor a network's bot; a bot only where there is nobody else."""
    others = [one for one in chat.participants if not one.is_self]
    people = [one for one in others if not is_bot(one)]
    return next(iter(people or others), None)


def is_bot(participant: Participant) -> bool:
    """Networks put their own bots into chats; servers before 4.3 do not mark them."""
    name = (participant.full_name or "").lower()
    return participant.is_network_bot or "meta ai" in name or participant.username == "meta.ai"


def _images(chat: Chat, participants: int) -> Iterator[ImageRef]:
    yield from (image for _, image in _candidates(chat))
    yield from (one.image for one in chat.participants[:participants] if one.image)


def _candidates(chat: Chat) -> list[tuple[str, ImageRef]]:
    """The chat's own picture, then the other person's (never one member's for a group)."""
    other = other_person(chat) if chat.type == "single" else None
    found = [("chat", chat.image), ("participant", other.image if other else None)]
    return [(source, image) for source, image in found if image]


def _show(chat: Chat, participants: int, views: Mapping[str, ImageView]) -> ShownChat:
    members = [
        (one, _choose([("participant", one.image)] if one.image else [], views))
        for one in islice(chat.participants, participants)
    ]
    return ShownChat(chat, _choose(_candidates(chat), views), members)


def _choose(candidates: list[tuple[str, ImageRef]], views: Mapping[str, ImageView]) -> ShownImage:
    """The first cached one in the order given, else the first pending, else the first failed, else none."""
    seen = [ShownImage(source, _view(image, views)) for source, image in candidates]
    for status in (ImageStatus.CACHED, ImageStatus.PENDING, ImageStatus.FAILED):
        for shown in seen:
            if shown.view and shown.view.status is status:
                return shown
    return ShownImage(None, None)


def _view(image: ImageRef, views: Mapping[str, ImageView]) -> ImageView | None:
    if image.rejected:
        return ImageView(ImageStatus.FAILED, reason=image.rejected.value)
    return views.get(image.key or "")
