"""Stores one page of Beeper's list of chats. A hundred unchanged chats cost one read.

An incremental run does not even read the chats of which the run before has recorded that they are stored as
Beeper lists them. Chats that unions concern are always read.

Beeper's list leaves out most members of a large group. Its full roster needs a separate request, which is
sent only in complete runs or if the chat has changed.

A changed chat is stored in this order: the pictures of its people are recorded, new and changed members are
written, their images are queued, members who have left are deleted, and the chat is written with its
fingerprints. Without the new fingerprints, the next run sees the chat as changed and repeats all of these
steps. So the next run repairs a crash between them. Chats that have left a union are shown before the union
is stored, and its members are hidden after it.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from imagecache.errors import ChatNotRequestedError, ChatUnavailableError, ItemRefusedError
from imagecache.model.chat import Chat
from imagecache.rules.names import title_to_store
from imagecache.stores.chats.chats import ChatsTable, StoredChat, preview_of
from imagecache.stores.chats.participants import ParticipantsTable, roster_rows
from imagecache.stores.state.progress import NO_LIMIT
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.contacts.match_contacts import (
    NO_CONTACTS,
    ContactIndex,
    ContactMatcher,
    Person,
    people_of,
)
from imagecache.usecases.sync.merge_chats import ChatMerger, with_unions, without_unknown_unions
from imagecache.usecases.sync.remember_people import PeopleMemory
from imagecache.usecases.sync.sync_run import SyncRun


@dataclass(frozen=True, slots=True)
class Listed:
    """The roster is that of the list: either the list has all members, or the chat has not changed."""

    chat: Chat


@dataclass(frozen=True, slots=True)
class Fetched:
    """The roster was fetched with a separate request. It may still be partial."""

    chat: Chat


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The roster is that of the list, because the full one could not be requested or read."""

    chat: Chat


Roster = Listed | Fetched | Unavailable


@dataclass(frozen=True, slots=True)
class ListedChat:
    """A chat of Beeper's list, its fingerprint, and the stored chat (None if the chat is new)."""

    chat: Chat
    fingerprint: str
    stored: StoredChat | None

    def needs_full_roster(self, *, complete: bool) -> bool:
        """Returns True if the roster must be fetched. `complete` is True if the run reads the whole list."""
        return self.chat.roster_is_partial and (complete or not self.is_stored_with_roster)

    @property
    def unavailable_since(self) -> int:
        """The moment (ms) since which the chat is stored as listed without its full roster, or else 0."""
        return self.stored.roster_unavailable_since if self.stored and self._is_stored_as_listed else 0

    def has_changed(self, roster: Roster) -> bool:
        """Returns True if the chat with this roster differs from what is stored."""
        match roster:
            case Listed():
                return not self.is_stored_with_roster
            case Fetched(chat):
                return not self.is_stored_with_roster or not self._has_stored_roster(chat)
            case Unavailable():
                return not self.unavailable_since

    def _has_stored_roster(self, chat: Chat) -> bool:
        return self.stored is not None and self.stored.roster_fingerprint == roster_fingerprint(chat)

    @property
    def is_stored_with_roster(self) -> bool:
        """True if the chat is stored as it is listed now, with its full roster."""
        return self._is_stored_as_listed and not self.unavailable_since

    @property
    def _is_stored_as_listed(self) -> bool:
        return (
            self.stored is not None
            and not self.stored.missing_since
            and self.stored.merged_into == self.chat.merged_into
            and self.stored.list_fingerprint == self.fingerprint
        )


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """The result of storing a page.

    If `finished` is False, the time was used up, and the page must be stored again. The watermark must not
    become later than `watermark_limit` (ms), so that the next run reads all chats since then.
    """

    finished: bool
    watermark_limit: int = NO_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWriter:
    """Stores the pages of a run, and counts the stored chats in the run's report."""

    chats_table: ChatsTable
    participants_table: ParticipantsTable
    image_queueing: ImageQueueing
    matcher: ContactMatcher
    chat_merger: ChatMerger
    people_memory: PeopleMemory

    def store(self, page: list[Chat], run: SyncRun) -> PageOutcome:
        """Stores each chat that has changed, until the time is used up.

        The chats whose full roster must be requested come last, and of these the ones whose roster was
        unavailable in an earlier run. So chats that Beeper answers slowly do not delay the others.

        Raises OriginDownError and FencedOffError.
        """
        chats = [chat for chat in with_unions(page, run) if not _is_known_as_stored(chat, run)]
        run.report.chats += len(page) - len(chats)
        chat_ids = [chat_id for chat in chats for chat_id in (chat.chat_id, *chat.merged_chat_ids)]
        union_ids = [chat.merged_into for chat in chats if chat.merged_into]
        stored = self.chats_table.stored([*chat_ids, *union_ids], consistent=run.previews_changed)
        chats = without_unknown_unions(chats, stored, run)
        listed_chats = [listed_chat(chat, stored.get(chat.chat_id)) for chat in chats]
        contacts_of_page = self._contacts_of_changed(listed_chats, run)
        unchanged: list[Chat] = []
        watermark_limit = NO_LIMIT
        # A chat that is on the page is hidden or shown when it is stored itself.
        not_on_page = {
            chat_id: stored[chat_id] for chat_id in stored.keys() - {chat.chat_id for chat in page}
        }
        for listed in _slow_ones_last(listed_chats, run):
            if run.time_budget.is_used_up():
                return PageOutcome(False, watermark_limit)
            run.report.chats += 1
            roster = _roster_of(listed, run)
            if isinstance(roster, Unavailable) and _is_new(listed, run):
                watermark_limit = min(watermark_limit, listed.chat.last_activity)
            if not listed.has_changed(roster):
                unchanged.append(roster.chat)
            elif not self._try_to_store(listed, roster, contacts_of_page, run):
                continue
            if not isinstance(roster, Unavailable) and not _concerns_unions(listed.chat):
                run.stored_hashes[listed.chat.chat_id] = _short(listed.fingerprint)
            self.chat_merger.hide_members(listed.chat, not_on_page, run)
        if run.complete:
            self._queue_images(unchanged, run)
        return PageOutcome(True, watermark_limit)

    def _contacts_of_changed(self, listed_chats: list[ListedChat], run: SyncRun) -> ContactIndex:
        """Looks up the contacts of all changed chats whose full roster is in the list, which is usual."""
        changed = [
            listed.chat
            for listed in listed_chats
            if not listed.chat.roster_is_partial and listed.has_changed(Listed(listed.chat))
        ]
        return self._contacts_of(changed, run)

    def _contacts_of(self, chats: Iterable[Chat], run: SyncRun) -> ContactIndex:
        if not run.any_contacts:
            return NO_CONTACTS
        return self.matcher.index_of(person for chat in chats for person in people_of(chat))

    def _try_to_store(
        self, listed: ListedChat, roster: Roster, contacts_of_page: ContactIndex, run: SyncRun
    ) -> bool:
        """Writes a changed chat, and returns True. Reports a chat that DynamoDB can never store as skipped.

        Such a chat must not keep the others from being stored, and hides no members if it is a union. The
        next complete run tries again, because Beeper may have changed it.
        """
        try:
            self._store_chat(listed, roster, contacts_of_page, run)
        except ItemRefusedError:
            run.report.skipped.append(listed.chat.chat_id)
            return False
        return True

    def _store_chat(
        self, listed: ListedChat, roster: Roster, contacts_of_page: ContactIndex, run: SyncRun
    ) -> None:
        """Writes a changed chat, and its roster unless exactly this roster is stored already."""
        run.report.changed += 1
        chat = roster.chat
        stored = listed.stored
        if stored:
            self.chat_merger.show_former_members(chat, stored, run)
            if stored.merged_into and not chat.merged_into:
                run.unions.left[chat.chat_id] = stored.merged_into
        fingerprint = roster_fingerprint(chat)
        if stored and not chat.roster_is_partial and stored.roster_fingerprint == fingerprint:
            preview_json = stored.preview_json
        else:
            contacts = contacts_of_page if isinstance(roster, Listed) else self._contacts_of([chat], run)
            chat = self._store_roster(chat, contacts, run)
            preview_json = preview_of(chat)
        self.chats_table.put(
            replace(chat, title=title_to_store(roster.chat, stored.title if stored else None)),
            preview_json=preview_json,
            list_fingerprint=listed.fingerprint,
            roster_fingerprint=fingerprint,
            roster_unavailable_since=run.started_at if isinstance(roster, Unavailable) else 0,
            fence=run.fence,
        )

    def _store_roster(self, chat: Chat, contacts: ContactIndex, run: SyncRun) -> Chat:
        """Makes the stored roster equal to the chat's, and queues images before it removes any row.

        Returns the chat with its members as they are stored now, linked to their contacts.
        """
        linked = tuple(contacts.linked(person) for person in people_of(chat))
        stored = self.participants_table.roster(chat.chat_id)
        recognised = self.people_memory.recognised(
            replace(chat, participants=linked),
            stored,
            run.people,
            linked_by_hand={
                person.participant.participant_id
                for person in people_of(chat)
                if contacts.is_linked_by_hand(person)
            },
            fence=run.fence,
        )
        recognised = self._with_earlier_links(recognised, run)
        merged = self.participants_table.merge(recognised, stored=stored, fence=run.fence)
        self._queue_images([chat], run)
        self._queue_contact_images(chat, contacts, run)
        self.participants_table.remove(chat.chat_id, merged.left_over, fence=run.fence)
        return merged.chat

    def _with_earlier_links(self, chat: Chat, run: SyncRun) -> Chat:
        """Returns the chat after linking members to contacts again.

        These are the members with an earlier participant id, which may have been linked by hand.
        """
        moved = [Person(member, chat.network_name) for member in chat.participants if member.earlier_ids]
        if not (moved and run.any_contacts):
            return chat
        contacts = self.matcher.index_of(moved)
        if chat.last_activity >= run.images_since:
            run.report.queued += self.image_queueing.request(contacts.images(moved))
        linked = {person.participant.participant_id: contacts.linked(person) for person in moved}
        members = tuple(linked.get(member.participant_id, member) for member in chat.participants)
        return replace(chat, participants=members)

    def _queue_images(self, chats: Iterable[Chat], run: SyncRun) -> None:
        """Queues the pictures of these chats and of their members that need a download."""
        run.report.queued += self.image_queueing.request(
            row.image_source
            for chat in chats
            if chat.last_activity >= run.images_since
            for row in roster_rows(chat)
            if row.image_source
        )

    def _queue_contact_images(self, chat: Chat, contacts: ContactIndex, run: SyncRun) -> None:
        """Queues the pictures of the members' contacts that need a download."""
        if chat.last_activity >= run.images_since:
            run.report.queued += self.image_queueing.request(contacts.images(people_of(chat)))


def listed_chat(chat: Chat, stored: StoredChat | None) -> ListedChat:
    """Returns the chat with its fingerprint."""
    return ListedChat(chat, list_fingerprint(chat), stored)


def list_fingerprint(chat: Chat) -> str:
    """Returns a hash of all fields that the list has of the chat."""
    return _hash(asdict(chat))


def _short(fingerprint: str) -> bytes:
    """Returns the first 8 bytes of a fingerprint, which suffice to tell the chats of some pages apart."""
    return bytes.fromhex(fingerprint[:16])


def _concerns_unions(chat: Chat) -> bool:
    return bool(chat.merged_into or chat.merged_chat_ids)


def _is_known_as_stored(chat: Chat, run: SyncRun) -> bool:
    """Returns True if the run before has left this chat stored exactly as Beeper lists it now.

    The chat then counts as such for the next run, too.
    """
    if run.complete or not run.recorded_last or _concerns_unions(chat):
        return False
    short = _short(list_fingerprint(chat))
    if short not in run.recorded_hashes:
        return False
    run.stored_hashes[chat.chat_id] = short
    return True


def _roster_of(listed: ListedChat, run: SyncRun) -> Roster:
    """Returns the roster of the list, or requests the full roster if the chat needs it in this run."""
    if not listed.needs_full_roster(complete=run.complete):
        return Listed(listed.chat)
    try:
        return Fetched(run.chat_api.with_full_roster(listed.chat))
    except ChatUnavailableError as error:
        if isinstance(error, ChatNotRequestedError) and listed.is_stored_with_roster:
            return Listed(listed.chat)
        run.report.skipped.append(listed.chat.chat_id)
        return Unavailable(listed.chat)


def _slow_ones_last(listed_chats: list[ListedChat], run: SyncRun) -> list[ListedChat]:
    """Returns first the chats that need no request, and last those whose roster was unavailable before."""
    ready: list[ListedChat] = []
    to_request: list[ListedChat] = []
    for listed in listed_chats:
        (to_request if listed.needs_full_roster(complete=run.complete) else ready).append(listed)
    to_request.sort(key=lambda each: (each.unavailable_since > 0, run.place_of(each.chat.chat_id)))
    return ready + to_request


def _is_new(unavailable: ListedChat, run: SyncRun) -> bool:
    """Returns True if no run has succeeded since the chat's roster became unavailable.

    Only such a chat limits the watermark. If every chat without a roster did, the watermark would never pass
    a chat whose roster stays unavailable.
    """
    return not unavailable.unavailable_since or unavailable.unavailable_since > run.last_success_at


def roster_fingerprint(chat: Chat) -> str:
    """Returns a hash of the chat's rows in chatParticipants, and of whether the roster is partial."""
    return _hash([chat.roster_is_partial, *(asdict(row) for row in roster_rows(chat))])


def _hash(fields: Any) -> str:
    """Returns a hash of every field, including pictures, so that a new avatar alone counts as a change."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
