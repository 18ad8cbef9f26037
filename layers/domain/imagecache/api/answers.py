"""What the routes answer, field by field."""

from datetime import UTC, datetime
from typing import Any

from imagecache.api import cursor
from imagecache.api.http import Request
from imagecache.api.parameters import folder, whole_number
from imagecache.model import SIZES, ImageStatus, Participant
from imagecache.stores.blobs import image_path
from imagecache.stores.chats import BeeperChats
from imagecache.stores.images import CachedImages
from imagecache.stores.sync_state import SyncState
from imagecache.usecases.list_chats import ShownChat, ShownImage, list_chats, other_person

Json = dict[str, Any]

_MOST_CHATS = 100
_MOST_PARTICIPANTS = 20


def chats_page(request: Request, *, chats: BeeperChats, images: CachedImages, base_url: str) -> Json:
    """`GET /api/chats`. Raises BadRequestError."""
    chosen = folder(request)
    page = list_chats(
        chats=chats,
        images=images,
        folder=chosen,
        limit=whole_number(request, "limit", least=1, most=_MOST_CHATS, default=50),
        after=cursor.read(request, chosen),
        participants=whole_number(request, "participants", least=0, most=_MOST_PARTICIPANTS, default=4),
    )
    return {
        "chats": [_chat(shown, base_url) for shown in page.chats],
        "nextCursor": cursor.write(page.position, chosen),
    }


def health(_request: Request, *, state: SyncState) -> Json:
    """`GET /api/health`: public, so no more than this."""
    origin = state.origin()
    return {
        "status": "ok",
        "origin": {
            "state": origin.state.value,
            "since": iso8601(origin.since),
            "checkedAt": iso8601(origin.checked_at),
        },
    }


def iso8601(milliseconds: int) -> str | None:
    """UTC, to the second; None for 0."""
    if not milliseconds:
        return None
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _chat(shown: ShownChat, base_url: str) -> Json:
    chat = shown.chat
    return {
        "chatId": chat.chat_id,
        "accountId": chat.account_id,
        "network": chat.network,
        "type": chat.type,
        "title": _title(shown),
        "lastActivity": iso8601(chat.last_activity),
        "unreadCount": chat.unread_count,
        "isArchived": chat.is_archived,
        "isMuted": chat.is_muted,
        "isPinned": chat.is_pinned,
        "lastMessage": chat.last_message,
        "image": _image(shown.image, _title(shown), base_url),
        "participants": [_participant(one, image, base_url) for one, image in shown.participants],
        "participantCount": chat.participant_count,
        "hasMoreParticipants": chat.participant_count > len(shown.participants),
    }


def _title(shown: ShownChat) -> str | None:
    """A single chat without a title bears the other person's name."""
    other = other_person(shown.chat)
    return shown.chat.title or (other.full_name if other else None)


def _participant(participant: Participant, image: ShownImage, base_url: str) -> Json:
    name = participant.full_name or participant.username
    return {
        "participantId": participant.participant_id,
        "fullName": participant.full_name,
        "username": participant.username,
        "isSelf": participant.is_self,
        "image": _image(image, name, base_url),
    }


def _image(shown: ShownImage, name: str | None, base_url: str) -> Json:
    """Everything the first paint needs, so that it takes no second request."""
    view = shown.view
    paths = (
        {str(size): base_url + image_path(view.blob_id, size) for size in SIZES}
        if view and view.blob_id
        else {}
    )
    return {
        "status": view.status.value if view else "none",
        "source": shown.source,
        "url": paths.get("192"),
        "sizes": paths,
        "width": view.width if view else None,
        "height": view.height if view else None,
        "placeholder": view.placeholder if view else None,
        "color": view.color if view else None,
        "initials": initials(name),
        "reason": view.reason if view and view.status is ImageStatus.FAILED else None,
    }


def initials(name: str | None) -> str:
    """The first letters of the first and the last word; empty for a number or nothing."""
    words = [word for word in (name or "").split() if word[0].isalpha()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()
