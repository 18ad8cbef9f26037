"""A page of chats → the tables: unchanged ones cost one read in a hundred, changed ones are written in order.

Members added or changed, then messages for their images, then members who left, then the chat with its
fingerprints. Until these stand, the next run sees a changed chat and does it all again: a crash between any
two heals itself.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from imagecache.model import Chat, Participant
from imagecache.names import better_name
from imagecache.sources.chat_api import ChatApi, ChatUnavailableError
from imagecache.stores.chats import BeeperChats, StoredChat
from imagecache.stores.participants import ChatParticipants, as_stored, chat_row
from imagecache.stores.previews import preview_of
from imagecache.usecases.request_images import ImageRequests


class Tally(Protocol):
    """What is counted on the way."""

    chats: int
    changed: int
    queued: int
    skipped: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWriter:
    """Stores pages for one run, whose fence every write carries; images only since `wanted_since`."""

    chat_api: ChatApi
    chats: BeeperChats
    participants: ChatParticipants
    images: ImageRequests
    fence: int
    complete: bool
    wanted_since: int
    out_of_time: Callable[[], bool]

    def store(self, page: list[Chat], tally: Tally) -> bool:
        """False when time was up before the end of the page: it is to be stored again."""
        stored = self.chats.stored(chat.chat_id for chat in page)
        unchanged: list[Chat] = []
        for chat in page:
            if self.out_of_time():
                return False
            tally.chats += 1
            try:
                full = self._full(chat, stored.get(chat.chat_id))
            except ChatUnavailableError:
                tally.skipped.append(chat.chat_id)
                continue
            if self._is_changed(chat, full, stored.get(chat.chat_id)):
                tally.changed += 1
                tally.queued += self._store(chat, full, stored.get(chat.chat_id))
            else:
                unchanged.append(full)
        if self.complete:
            tally.queued += self._request(unchanged)
        return True

    def _full(self, chat: Chat, stored: StoredChat | None) -> Chat:
        """With all its members where the list has left some out and that matters now."""
        known = stored is not None and stored.list_fingerprint == _fingerprint(asdict(chat))
        wanted = chat.has_more_participants and (self.complete or not known)
        return self.chat_api.with_full_roster(chat) if wanted else chat

    def _is_changed(self, chat: Chat, full: Chat, stored: StoredChat | None) -> bool:
        if stored is None or stored.missing_since or stored.list_fingerprint != _fingerprint(asdict(chat)):
            return True
        return full is not chat and stored.roster_fingerprint != _roster_fingerprint(full)

    def _store(self, chat: Chat, full: Chat, stored: StoredChat | None) -> int:
        """Returns how many images were queued."""
        print_of_roster = _roster_fingerprint(full)
        if stored and stored.roster_fingerprint == print_of_roster:
            preview, queued = stored.preview, 0
        else:
            full, queued = self._store_roster(full)
            preview = preview_of(full)
        title = better_name(full.title, stored.title if stored else None)
        self.chats.put(
            replace(full, title=title),
            preview=preview,
            list_fingerprint=_fingerprint(asdict(chat)),
            roster_fingerprint=print_of_roster,
            fence=self.fence,
        )
        return queued

    def _store_roster(self, chat: Chat) -> tuple[Chat, int]:
        """The difference to what is stored; the chat with the better of each two names."""
        known = self.participants.roster(chat.chat_id)
        chat = replace(chat, participants=tuple(_named(one, known) for one in chat.participants))
        present = {one.participant_id: one for one in _roster(chat)}
        changed = [one for key, one in present.items() if known.get(key) != as_stored(one)]
        self.participants.put(chat.chat_id, changed, fence=self.fence)
        queued = self._request([chat])
        if not chat.has_more_participants:
            gone = [key for key in known if key not in present]
            self.participants.remove(chat.chat_id, gone, fence=self.fence)
        return chat, queued

    def _request(self, chats: Iterable[Chat]) -> int:
        return self.images.request(
            (one.image.key, one.img_url)
            for chat in chats
            if chat.last_activity >= self.wanted_since
            for one in _roster(chat)
            if one.image and one.image.key and one.img_url
        )


def _roster(chat: Chat) -> list[Participant]:
    """The members, and the chat's own picture as one of them."""
    own = chat_row(chat)
    return [*([own] if own else []), *chat.participants]


def _fingerprint(fields: Any) -> str:
    """Over every field, images included: an avatar that alone changed is a change."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _roster_fingerprint(chat: Chat) -> str:
    return _fingerprint([chat.has_more_participants, *(asdict(one) for one in _roster(chat))])


def _named(participant: Participant, known: dict[str, Participant]) -> Participant:
    before = known.get(participant.participant_id)
    name = better_name(participant.full_name, before.full_name if before else None)
    return participant if name == participant.full_name else replace(participant, full_name=name)
