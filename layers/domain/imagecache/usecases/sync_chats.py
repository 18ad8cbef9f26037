"""Beeper's chats → beeperChats and chatParticipants; the images they show → the queue.

The order of writes heals a crash between any two: members first, then messages, then the chat with its
fingerprint. Until the fingerprint stands, the next run sees a changed chat and does it all again.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from imagecache.errors import OriginDownError, OriginUnauthorizedError
from imagecache.model import Chat, Clock, Participant
from imagecache.sources.chat_api import ChatApi
from imagecache.stores.chats import BeeperChats
from imagecache.stores.participants import ChatParticipants, chat_row
from imagecache.stores.sync_state import Origin, OriginState, SyncState
from imagecache.usecases.request_images import ImageRequests


@dataclass(slots=True)
class SyncReport:
    """What a run saw and did."""

    outcome: OriginState = OriginState.OK
    detail: str = ""
    chats: int = 0
    changed: int = 0
    unreadable: int = 0
    queued: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSync:
    """One run over all chats, newest first."""

    chat_api: ChatApi
    chats: BeeperChats
    participants: ChatParticipants
    images: ImageRequests
    state: SyncState
    clock: Clock

    def run(self) -> SyncReport:
        """Beeper offline or refusing our token is an outcome, no error; what was stored until then stays."""
        report = SyncReport()
        try:
            for page in self.chat_api.pages():
                report.unreadable += page.unreadable
                # A merged chat is shown by the one it was merged into.
                self._store_page([chat for chat in page.chats if chat.merged_into is None], report)
        except OriginUnauthorizedError as error:
            report.outcome, report.detail = OriginState.UNAUTHORIZED, str(error)
        except OriginDownError as error:
            report.outcome, report.detail = OriginState.OFFLINE, str(error)
        self._record(report.outcome)
        return report

    def _store_page(self, chats: list[Chat], report: SyncReport) -> None:
        stored = self.chats.list_fingerprints(chat.chat_id for chat in chats)
        report.chats += len(chats)
        requested: list[Chat] = []
        for chat in chats:
            fingerprint = _fingerprint(chat)
            if stored.get(chat.chat_id) == fingerprint:
                requested.append(chat)
                continue
            report.changed += 1
            report.queued += self._store(chat, fingerprint)
        report.queued += self.images.request(_image_urls(requested))

    def _store(self, listed: Chat, fingerprint: str) -> int:
        """Members, then messages, then the chat, then whoever left. Returns how many images were queued."""
        chat = self.chat_api.with_full_roster(listed) if listed.has_more_participants else listed
        known = self.participants.roster(chat.chat_id)
        present = {participant.participant_id: participant for participant in _roster(chat)}
        self.participants.put(chat.chat_id, [one for key, one in present.items() if known.get(key) != one])
        queued = self.images.request(_image_urls([chat]))
        self.chats.put(replace(chat, last_message=listed.last_message), list_fingerprint=fingerprint)
        if not chat.has_more_participants:  # a partial roster never removes anybody
            self.participants.remove(chat.chat_id, [key for key in known if key not in present])
        return queued

    def _record(self, outcome: OriginState) -> None:
        now = self.clock()
        synced_at = now if outcome is OriginState.OK else self.state.origin().synced_at
        self.state.record_origin(Origin(outcome, checked_at=now, synced_at=synced_at))


def _fingerprint(chat: Chat) -> str:
    """Over every field as listed, images included: an avatar that alone changed is a change."""
    return hashlib.sha256(json.dumps(asdict(chat), sort_keys=True).encode()).hexdigest()


def _roster(chat: Chat) -> list[Participant]:
    own = chat_row(chat)
    return [*([own] if own else []), *chat.participants]


def _image_urls(chats: Iterable[Chat]) -> list[tuple[str, str]]:
    """(image key, source URL) of every picture that can be fetched."""
    return [
        (one.image.key, one.img_url)
        for chat in chats
        for one in _roster(chat)
        if one.image and one.image.key and one.img_url
    ]
