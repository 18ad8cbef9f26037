"""Contacts have changed → the members of all chats and the previews that show them, linked anew.

A run of sync does this before it asks Beeper, under its lease: what an API call, an import or a lost
invocation has left to do is done by whichever run comes next, whether Beeper is there or not.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imagecache.stores.chats.chats import ChatsTable, ChatSummary
from imagecache.stores.chats.participants import CHAT_ROW, Member, ParticipantsTable
from imagecache.stores.chats.previews import with_contact_images
from imagecache.stores.state.contact_changes import ContactChanges
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.contacts.match_contacts import ContactMatcher, Person

if TYPE_CHECKING:
    pass


@dataclass(slots=True)
class RelinkResult:
    """Members that are somebody else's contacts now, images queued; `done` False: time was up.

    `any_contacts`: there is, or was, one. `begun`: somebody was looked at.
    """

    any_contacts: bool
    members: int = 0
    queued: int = 0
    begun: bool = False
    done: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRelinker:
    """Goes through everybody in steps of some hundred members, and remembers how far it is."""

    matcher: ContactMatcher
    chats_table: ChatsTable
    participants_table: ParticipantsTable
    image_queueing: ImageQueueing
    contact_changes: ContactChanges

    def run(self, *, fence: int, wanted_since: int, out_of_time: Callable[[], bool]) -> RelinkResult:
        """Until everybody is linked by the contacts as they are now. Raises FencedOffError.

        Pictures are asked for where the chat has moved since `wanted_since`.
        """
        linking = self.contact_changes.relink_position()
        done = RelinkResult(any_contacts=linking.changes > 0)
        while linking.is_behind:
            if out_of_time():
                done.done = False
                break
            if linking.after is None:
                linking = replace(linking, towards=linking.changes)
            members, after = self.participants_table.members(after=linking.after)
            self._relink(members, done, fence=fence, wanted_since=wanted_since)
            linked = linking.linked if after else linking.towards
            linking = replace(linking, after=after, linked=linked)
            self.contact_changes.record_relink_position(linking, fence=fence)
        return done

    def _relink(self, members: list[Member], done: RelinkResult, *, fence: int, wanted_since: int) -> None:
        """Images first: a crash after them costs a look, before them it would cost the images."""
        done.begun = True
        listed = self.chats_table.listed(one.chat_id for one in members)
        # A chat that is not there yet is in sync's hands, which links its members itself.
        members = [one for one in members if one.chat_id in listed and not _is_chats_own(one)]
        links = self.matcher.links(_person(one, listed) for one in members)
        wanted = [one for one in members if listed[one.chat_id].last_activity >= wanted_since]
        done.queued += self.image_queueing.request(links.images(_person(one, listed) for one in wanted))
        linked = [one._replace(participant=links.linked(_person(one, listed))) for one in members]
        changed = [new for old, new in zip(members, linked, strict=True) if new != old]
        self.participants_table.link(changed, fence=fence)
        self._show(linked, listed, fence=fence)
        done.members += len(changed)

    def _show(self, members: list[Member], listed: dict[str, ChatSummary], *, fence: int) -> None:
        """Not only those that changed: a crash may have come between a member and its preview."""
        keys: dict[str, dict[str, str | None]] = {}
        for chat_id, one in members:
            keys.setdefault(chat_id, {})[one.participant_id] = one.contact_image_key
        for chat_id, contact_images in keys.items():
            preview = with_contact_images(listed[chat_id].preview, contact_images)
            if preview != listed[chat_id].preview:
                self.chats_table.show(chat_id, preview, fence=fence)


def _person(member: Member, listed: dict[str, ChatSummary]) -> Person:
    return member.participant, listed[member.chat_id].network


def _is_chats_own(member: Member) -> bool:
    """The row of the chat's own picture."""
    return member.participant.participant_id == CHAT_ROW
