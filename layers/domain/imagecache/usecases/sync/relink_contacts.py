"""Links the members of all chats to contacts again after contacts have changed.

A sync run relinks before its first request to Beeper, while it holds the sync lock. So the next run after an
API call, an import or an interrupted relinking completes the links, even if Beeper is offline. When an
operator chooses a former picture, a relinking starts, too, because every relinking first updates the former
pictures of all members.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from imagecache.model.chat import Participant
from imagecache.rules.time_budget import TimeBudget
from imagecache.stores.chats.chats import ChatsTable, ChatSummary
from imagecache.stores.chats.participants import CHAT_ROW, Member, ParticipantsTable
from imagecache.stores.state.contact_changes import ContactChanges
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.contacts.match_contacts import ContactMatcher, Person
from imagecache.usecases.sync.refresh_former_pictures import FormerPictureRefresher
from imagecache.usecases.sync.remember_people import PeopleMemory


@dataclass(slots=True)
class RelinkResult:
    """The result of a relinking.

    `any_contacts` is False only if there has never been a contact. `begun` means that this run has relinked
    some members, `finished` that all members are linked. `members` is the number of members whose contact has
    changed, `queued` the number of queued images.
    """

    any_contacts: bool
    begun: bool = False
    finished: bool = True
    members: int = 0
    queued: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRelinker:
    """Relinks all members of all chats, `members_per_step` at a time, and records its position."""

    matcher: ContactMatcher
    chats_table: ChatsTable
    participants_table: ParticipantsTable
    image_queueing: ImageQueueing
    people_memory: PeopleMemory
    former_picture_refresher: FormerPictureRefresher
    contact_changes: ContactChanges
    members_per_step: int = 500

    def run(self, *, fence: int, images_since: int, time_budget: TimeBudget) -> RelinkResult:
        """Relinks members until all are linked to the current contacts, or the time is used up.

        Queues contacts' pictures for chats whose last activity is not before `images_since` (ms). Raises
        FencedOffError.
        """
        position = self.contact_changes.relink_position()
        result = RelinkResult(any_contacts=position.changes > 0)
        while position.is_behind:
            is_begun = position.after is not None
            if time_budget.is_used_up() or not (
                is_begun or self.former_picture_refresher.run(fence=fence, time_budget=time_budget)
            ):
                result.finished = False
                break
            members, after = self.participants_table.members(
                after=position.after, limit=self.members_per_step
            )
            self._relink(members, result, fence=fence, images_since=images_since)
            position = position.moved_to(after)
            self.contact_changes.record_relink_position(position, fence=fence)
        return result

    def _relink(self, members: list[Member], result: RelinkResult, *, fence: int, images_since: int) -> None:
        """Queues contacts' pictures, then links the members, then updates the previews of their chats.

        The position is recorded afterwards, so after a crash the next run repeats the step.
        """
        result.begun = True
        summaries = self.chats_table.summaries(member.chat_id for member in members)
        # A chat whose row does not exist yet is being stored by sync, which links its members itself.
        people = {
            member: Person(member.participant, summaries[member.chat_id].network_name)
            for member in members
            if member.chat_id in summaries and not _is_chats_own_picture(member)
        }
        contacts = self.matcher.index_of(people.values())
        result.queued += self.image_queueing.request(
            contacts.images(
                person
                for member, person in people.items()
                if summaries[member.chat_id].last_activity >= images_since
            )
        )
        linked = {
            member: member._replace(participant=contacts.linked(person)) for member, person in people.items()
        }
        changed = [after for before, after in linked.items() if after != before]
        by_hand = {member for member, person in people.items() if contacts.is_linked_by_hand(person)}
        self.people_memory.record_links(
            (after.participant for before, after in linked.items() if before in by_hand and after != before),
            fence=fence,
        )
        self.participants_table.link(changed, fence=fence)
        # Unchanged members are included, because the last run may have crashed after it had linked them and
        # before it updated the previews.
        self._update_previews(linked.values(), summaries, fence=fence)
        result.members += len(changed)

    def _update_previews(
        self, members: Iterable[Member], summaries: Mapping[str, ChatSummary], *, fence: int
    ) -> None:
        linked: dict[str, dict[str, Participant]] = defaultdict(dict)
        for chat_id, participant in members:
            linked[chat_id][participant.participant_id] = participant
        for chat_id, members_of_chat in linked.items():
            self.chats_table.update_preview(summaries[chat_id], members_of_chat, fence=fence)


def _is_chats_own_picture(member: Member) -> bool:
    return member.participant.participant_id == CHAT_ROW
