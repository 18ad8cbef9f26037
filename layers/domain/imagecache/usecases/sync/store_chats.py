"""Writes chats that have changed, in groups, because DynamoDB takes the rows of many chats in one request.

A group is written in this order: the pictures of its people are recorded, new and changed members are
written, their images are queued, members who have left are deleted, and the chats are written with their
fingerprints. Without the new fingerprints, the next run sees a chat as changed and repeats all of these
steps. So the next run repairs a crash between them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from imagecache.errors import ItemRefusedError
from imagecache.model.chat import Chat, Participant
from imagecache.rules.names import title_to_store
from imagecache.stores.chats.chats import ChatsTable, ChatToStore, preview_of
from imagecache.stores.chats.participants import ParticipantsTable, roster_rows
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.contacts.match_contacts import (
    NO_CONTACTS,
    ContactIndex,
    ContactMatcher,
    Person,
    people_of,
)
from imagecache.usecases.sync.changed_chats import ChangedChat, Unavailable, roster_fingerprint
from imagecache.usecases.sync.merge_chats import ChatMerger
from imagecache.usecases.sync.remember_people import PeopleMemory
from imagecache.usecases.sync.sync_run import SyncRun


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatWriter:
    """Writes changed chats with their members, and counts them in the run's report."""

    chats_table: ChatsTable
    participants_table: ParticipantsTable
    image_queueing: ImageQueueing
    matcher: ContactMatcher
    chat_merger: ChatMerger
    people_memory: PeopleMemory

    def store(self, group: Sequence[ChangedChat], run: SyncRun) -> list[ChangedChat]:
        """Writes these chats, and returns those that were stored.

        Reports a chat that DynamoDB can never store as skipped. Such a chat must not keep the others from
        being stored. The next complete run tries again, because Beeper may have changed it. Raises
        OriginDownError and FencedOffError.
        """
        run.report.changed += len(group)
        for changed in group:
            stored = changed.listed.stored
            if stored:
                self.chat_merger.show_former_members(changed.chat, stored, run)
                if stored.merged_into and not changed.chat.merged_into:
                    run.unions.left[changed.chat.chat_id] = stored.merged_into
        return self._try_to_store(group, run)

    def _try_to_store(self, group: Sequence[ChangedChat], run: SyncRun) -> list[ChangedChat]:
        try:
            self._store(group, run)
        except ItemRefusedError:
            if len(group) == 1:
                run.report.skipped.append(group[0].chat.chat_id)
                return []
            return [stored for changed in group for stored in self._try_to_store([changed], run)]
        return list(group)

    def _store(self, group: Sequence[ChangedChat], run: SyncRun) -> None:
        """Writes the chats, and the roster of each unless exactly this roster is stored already."""
        other_rosters = [changed.chat for changed in group if not changed.has_stored_roster]
        merged = self._store_rosters(other_rosters, run)
        self.chats_table.put(
            (_to_store(changed, merged.get(changed.chat.chat_id), run) for changed in group), fence=run.fence
        )

    def _store_rosters(self, chats: Sequence[Chat], run: SyncRun) -> dict[str, Chat]:
        """Makes the stored rosters equal to the chats', and queues images before it removes any row.

        Returns the chats by their ids, with their members as they are stored now, linked to their contacts.
        """
        people = {chat.chat_id: people_of(chat) for chat in chats}
        contacts = self._contacts_of((person for each in people.values() for person in each), run)
        stored = self._stored_rosters(people, run)
        linked = [replace(chat, participants=tuple(map(contacts.linked, people_of(chat)))) for chat in chats]
        recognised = self.people_memory.recognised(
            linked,
            stored,
            run.people,
            linked_by_hand={
                chat_id: {
                    person.participant.participant_id
                    for person in people_of_chat
                    if contacts.is_linked_by_hand(person)
                }
                for chat_id, people_of_chat in people.items()
            },
            fence=run.fence,
        )
        recognised = self._with_earlier_links(recognised, run)
        merged = self.participants_table.merge(recognised, stored=stored, fence=run.fence)
        self.queue_images(chats, run)
        self._queue_contact_images(chats, contacts, run)
        left_over = (row for roster in merged for row in roster.left_over)
        self.participants_table.remove(left_over, fence=run.fence)
        return {roster.chat.chat_id: roster.chat for roster in merged}

    def _contacts_of(self, people: Iterable[Person], run: SyncRun) -> ContactIndex:
        return self.matcher.index_of(people) if run.any_contacts else NO_CONTACTS

    def _stored_rosters(self, chat_ids: Iterable[str], run: SyncRun) -> Mapping[str, dict[str, Participant]]:
        """Returns the stored roster of each chat. Before the first run there is none."""
        if run.is_very_first:
            return {chat_id: {} for chat_id in chat_ids}
        return self.participants_table.rosters(chat_ids)

    def _with_earlier_links(self, chats: Sequence[Chat], run: SyncRun) -> list[Chat]:
        """Returns the chats after linking members to contacts again.

        These are the members with an earlier participant id, which may have been linked by hand.
        """
        return [self._with_earlier_links_of(chat, run) for chat in chats]

    def _with_earlier_links_of(self, chat: Chat, run: SyncRun) -> Chat:
        moved = [Person(member, chat.network_name) for member in chat.participants if member.earlier_ids]
        if not (moved and run.any_contacts):
            return chat
        contacts = self.matcher.index_of(moved)
        if chat.last_activity >= run.images_since:
            run.report.queued += self.image_queueing.request(contacts.images(moved))
        linked = {person.participant.participant_id: contacts.linked(person) for person in moved}
        members = tuple(linked.get(member.participant_id, member) for member in chat.participants)
        return replace(chat, participants=members)

    def queue_images(self, chats: Iterable[Chat], run: SyncRun) -> None:
        """Queues the pictures of these chats and of their members that need a download."""
        images = {
            row.image_source: None
            for chat in chats
            if chat.last_activity >= run.images_since
            for row in roster_rows(chat)
            if row.image_source
        }
        unchecked = [image for image in images if image not in run.checked_images]
        run.report.queued += self.image_queueing.request(unchecked)
        run.checked_images.update(unchecked)

    def _queue_contact_images(self, chats: Iterable[Chat], contacts: ContactIndex, run: SyncRun) -> None:
        """Queues the pictures of the members' contacts that need a download."""
        run.report.queued += self.image_queueing.request(
            contacts.images(
                person
                for chat in chats
                if chat.last_activity >= run.images_since
                for person in people_of(chat)
            )
        )


def _to_store(changed: ChangedChat, merged: Chat | None, run: SyncRun) -> ChatToStore:
    """Returns what the chat's row contains. `merged` is None if the stored roster has not changed."""
    stored = changed.listed.stored
    if merged is None and stored:
        chat, preview_json = changed.chat, stored.preview_json
    else:
        chat = merged or changed.chat
        preview_json = preview_of(chat)
    return ChatToStore(
        chat=replace(chat, title=title_to_store(changed.chat, stored.title if stored else None)),
        preview_json=preview_json,
        list_fingerprint=changed.listed.fingerprint,
        roster_fingerprint=roster_fingerprint(changed.chat),
        roster_unavailable_since=run.started_at if isinstance(changed.roster, Unavailable) else 0,
        is_new=stored is None,
    )
