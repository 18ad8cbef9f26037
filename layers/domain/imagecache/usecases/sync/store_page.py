"""A page of chats → the tables: unchanged ones cost one read in a hundred, changed ones are written in order.

Members added or changed, then messages for their images, then members who left, then the chat with its
fingerprints. Until these stand, the next run sees a changed chat and does it all again: a crash between any
two heals itself. A chat that Beeper lists but does not give is stored as listed, under a fingerprint that no
list matches: whoever sees it next tries again.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from imagecache.errors import ChatUnavailableError
from imagecache.model.chat import Chat, Participant
from imagecache.rules.names import better_name
from imagecache.sources.beeper.chat_api import ChatApi
from imagecache.stores.chats.chats import ChatsTable, StoredChat
from imagecache.stores.chats.participants import CHAT_ROW, ParticipantsTable, as_stored, chat_row
from imagecache.stores.chats.previews import preview_of
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.contacts.match_contacts import ContactIndex, ContactMatcher


class Tally(Protocol):
    """What is counted on the way."""

    chats: int
    changed: int
    queued: int
    skipped: list[str]
    oldest_skipped: int


# Before the fingerprint of a chat whose roster is still to be had.
_SKIPPED = "skipped "


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWriter:
    """Stores pages for one run, whose fence every write carries; images only since `wanted_since`.

    `relinked`: previews have just been written, and must be read as they are now.
    """

    chat_api: ChatApi
    chats_table: ChatsTable
    participants_table: ParticipantsTable
    image_queueing: ImageQueueing
    matcher: ContactMatcher
    fence: int
    complete: bool
    relinked: bool
    wanted_since: int
    out_of_time: Callable[[], bool]

    def store(self, page: list[Chat], tally: Tally) -> bool:
        """False when time was up before the end of the page: it is to be stored again."""
        stored = self.chats_table.stored((chat.chat_id for chat in page), consistent=self.relinked)
        moved = [one for one in page if not _is_listed_as(stored.get(one.chat_id), _listed(one))]
        links = self._links(moved)
        unchanged: list[Chat] = []
        for chat in page:
            if self.out_of_time():
                return False
            tally.chats += 1
            before = stored.get(chat.chat_id)
            full, listed = self._full(chat, before, tally)
            if _is_listed_as(before, listed) and not _has_another_roster(full, chat, before):
                unchanged.append(full)
            else:
                tally.changed += 1
                tally.queued += self._store(full, before, listed, links if full is chat else None)
        if self.complete:
            tally.queued += self._request(unchanged)
        return True

    def _full(self, chat: Chat, before: StoredChat | None, tally: Tally) -> tuple[Chat, str]:
        """With all its members, where the list leaves some out and that matters now; and its fingerprint."""
        listed = _listed(chat)
        if not chat.has_more_participants or (_is_listed_as(before, listed) and not self.complete):
            return chat, listed
        try:
            return self.chat_api.with_full_roster(chat), listed
        except ChatUnavailableError:
            tally.skipped.append(chat.chat_id)
        listed = _SKIPPED + listed
        if not _is_listed_as(before, listed):  # or no run would ever get beyond a chat that is never given
            tally.oldest_skipped = min(tally.oldest_skipped, chat.last_activity)
        return chat, listed

    def _store(self, full: Chat, before: StoredChat | None, listed: str, links: ContactIndex | None) -> int:
        """How many images were queued. `links` are None when not all members were looked for there."""
        print_of_roster = _roster_fingerprint(full)
        whole = not full.has_more_participants
        if before and whole and before.roster_fingerprint == print_of_roster:
            preview, queued = before.preview, 0
        else:
            full, queued = self._store_roster(full, links or self._links([full]))
            preview = preview_of(full)
        title = better_name(full.title, before.title if before else None)
        self.chats_table.put(
            replace(full, title=title),
            preview=preview,
            list_fingerprint=listed,
            roster_fingerprint=print_of_roster,
            fence=self.fence,
        )
        return queued

    def _store_roster(self, chat: Chat, links: ContactIndex) -> tuple[Chat, int]:
        """The difference to what is stored; the chat with its contacts, and the better of each two names."""
        known = self.participants_table.roster(chat.chat_id)
        members = [links.linked((_named(one, known), _network(chat))) for one in chat.participants]
        chat = replace(chat, participants=tuple(members))
        present = {one.participant_id: one for one in _roster(chat)}
        changed = [one for key, one in present.items() if known.get(key) != as_stored(one)]
        self.participants_table.put(chat.chat_id, changed, fence=self.fence)
        queued = self._request([chat]) + self._request_contacts(chat, links)
        gone = known.keys() - present.keys()
        if chat.has_more_participants:  # a part of the roster says nothing of the others
            chat = _with_others(chat, [known[key] for key in known if key in gone - {CHAT_ROW}])
            gone &= {CHAT_ROW}
        self.participants_table.remove(chat.chat_id, sorted(gone), fence=self.fence)
        return chat, queued

    def _request(self, chats: Iterable[Chat]) -> int:
        return self.image_queueing.request(
            (one.image.key, one.source_url)
            for chat in chats
            if chat.last_activity >= self.wanted_since
            for one in _roster(chat)
            if one.image and one.image.key and one.source_url
        )

    def _request_contacts(self, chat: Chat, links: ContactIndex) -> int:
        """The pictures that stand in for those of its members."""
        if chat.last_activity < self.wanted_since:
            return 0
        return self.image_queueing.request(links.images((one, _network(chat)) for one in chat.participants))

    def _links(self, chats: Iterable[Chat]) -> ContactIndex:
        return self.matcher.links((one, _network(chat)) for chat in chats for one in chat.participants)


def _network(chat: Chat) -> str:
    """Old servers do not say it, but the account's id does."""
    return chat.network or chat.account_id


def _listed(chat: Chat) -> str:
    """The fingerprint of a chat as the list has it."""
    return _fingerprint(asdict(chat))


def _is_listed_as(before: StoredChat | None, fingerprint: str) -> bool:
    return before is not None and not before.missing_since and before.list_fingerprint == fingerprint


def _has_another_roster(full: Chat, chat: Chat, before: StoredChat | None) -> bool:
    """Asked only of a roster that was fetched: another one's fingerprint is that of the list's part."""
    return full is not chat and before is not None and before.roster_fingerprint != _roster_fingerprint(full)


def _with_others(chat: Chat, others: list[Participant]) -> Chat:
    """So that a part of the roster hides nobody who is known."""
    members = (*chat.participants, *others)
    return replace(chat, participants=members, participant_count=chat.participant_count or len(members))


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
