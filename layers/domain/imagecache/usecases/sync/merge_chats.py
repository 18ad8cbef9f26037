"""Hides the chats that Beeper has merged into a union, and shows them again when they have left it.

Beeper shows a union instead of several chats with the same person. It no longer lists the members of a union,
but it still answers requests for them. Such a chat is not missing: it is hidden, and its rows stay, so that
its pictures stay referenced.

A chat is hidden only while its union is stored and shown, whatever Beeper says, because otherwise it would be
in no list.

Every run compares the members of each union that it sees with their rows. So a run repairs what an earlier
run that has ended between two writes has left undone. Accounts without unions need no further request or
read.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from imagecache.errors import ListingError
from imagecache.model.chat import Chat, Folder
from imagecache.stores.chats.chats import ChatsTable, Listing, StoredChat
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.usecases.sync.delete_chat import delete_chat
from imagecache.usecases.sync.remember_people import PeopleMemory
from imagecache.usecases.sync.sync_run import SyncRun


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The result of comparing all stored chats with the unions that Beeper lists.

    `missing` has the unlisted chats that are not merged into a union. `deleted` counts dissolved unions.
    """

    missing: set[str]
    deleted: int


@dataclass(frozen=True, slots=True)
class _Answers:
    """Beeper's answers to requests for hidden chats.

    `unions` maps each chat that exists to the union that is shown instead of it, or to None if the chat
    itself is shown. `unclear` has the chats for which Beeper sent neither the chat nor a 404, and those that
    it was not asked about because the time was used up.
    """

    unions: dict[str, str | None]
    unclear: set[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMerger:
    """Hides and shows chats. Every write is conditional on the fence of the run.

    A union is never hidden because another union names it, or two unions could hide each other.
    """

    chats_table: ChatsTable
    participants_table: ParticipantsTable
    people_memory: PeopleMemory

    def show_former_members(self, union: Chat, stored: StoredChat, run: SyncRun) -> None:
        """Shows the chats that were in this union when it was stored, and have left it since then.

        Beeper is asked for each of them, because a network may have replaced it with a chat of another id. A
        chat that does not exist any more stays hidden until complete runs have deleted it. The next complete
        run asks again for a chat without a clear answer. Raises OriginDownError and FencedOffError.

        This must happen before the union is stored: after a crash, the next run then still sees who has left.
        """
        former = stored.merged_chat_ids.difference(union.merged_chat_ids)
        rows = self.chats_table.stored(sorted(former), consistent=True) if former else {}
        self._ask_for(_hidden_in(union.chat_id, rows), run)

    def hide_members(self, union: Chat, stored: Mapping[str, StoredChat], run: SyncRun) -> None:
        """Hides the stored chats that are in this union. `stored` must contain those that have a row."""
        for chat_id in union.merged_chat_ids:
            row = stored.get(chat_id)
            if row is None or row.merged_chat_ids or run.unions.union_of.get(chat_id) != union.chat_id:
                continue
            if row.merged_into != union.chat_id or row.missing_since:
                self._hide(chat_id, union.chat_id, run)
            if row.merged_into and row.merged_into != union.chat_id:
                run.unions.left[chat_id] = row.merged_into

    def review_left_unions(self, run: SyncRun) -> int:
        """Asks Beeper for each union that a chat has left in an incremental run. Returns the number deleted.

        Such a union may have been dissolved, but an incremental run cannot know that it is no longer listed.
        If Beeper answers 404, its other members are shown as well, and the union is deleted. A union that
        Beeper has merged into another one is hidden. Raises OriginDownError and FencedOffError.
        """
        union_ids = set(run.unions.left.values()).difference(run.unions.union_of.values())
        deleted = 0
        for union_id, union in self.chats_table.stored(sorted(union_ids), consistent=True).items():
            if run.time_budget.is_used_up():
                break
            deleted += self._review(union_id, union, run)
        return deleted

    def _review(self, union_id: str, union: StoredChat, run: SyncRun) -> bool:
        try:
            answer = run.chat_api.look_up(union_id)
        except ListingError:  # Beeper gave no clear answer: the next complete run asks again.
            return False
        if answer is not None and not answer.merged_into:
            # Beeper lists a chat as well as the union that names it. The union is shown.
            for chat_id in answer.merged_chat_ids:
                is_in_another = chat_id in run.unions.union_of
                if run.unions.left.get(chat_id) == union_id and not is_in_another:
                    self._hide(chat_id, union_id, run)
            return False
        rows = self.chats_table.stored(sorted(union.merged_chat_ids), consistent=True)
        answers = self._ask_for(_hidden_in(union_id, rows), run)
        if answers.unclear or union_id in answers.unions.values():
            return False
        if answer is not None:
            self.apply(answer, union_id, union.own_folder, run)
            return False
        self.delete(union_id, run)
        return True

    def reconcile(self, listings: Mapping[str, Listing], unlisted: set[str], run: SyncRun) -> MergeResult:
        """Compares all stored chats with the unions that a complete run has seen.

        Hides every member of a union that is listed. Asks Beeper for each other hidden chat that is not
        listed: its union is gone, or no longer names it. Deletes unions that are dissolved, and hides those
        that Beeper has merged into another union. A dissolved union that Beeper still answers, but neither
        lists nor calls a union, is deleted, too, if all its members are in another union: that one is shown
        instead. Raises OriginDownError and FencedOffError.
        """
        naming = _unions_naming(listings, unlisted)
        union_of = {chat_id: listing.merged_into for chat_id, listing in listings.items()}
        for chat_id, union_ids in naming.items():
            if union_of[chat_id] not in union_ids:
                union_of[chat_id] = union_ids[0]
            elif not listings[chat_id].missing_since:
                continue
            self._hide(chat_id, union_of[chat_id] or union_ids[0], run)
        missing = unlisted - naming.keys()
        # A chat that an earlier run has marked as missing is looked up before it is deleted.
        hidden = {
            chat_id: listings[chat_id].own_folder
            for chat_id in run.in_turn(missing)
            if listings[chat_id].merged_into and not listings[chat_id].missing_since
        }
        answers = self._ask_for(hidden, run)
        union_of |= answers.unions
        missing -= answers.unions.keys() | answers.unclear
        unions_of_members = {
            union_id: {union_of[chat_id] for chat_id in _members(union_id, listings) - missing}
            for union_id in run.in_turn(missing)
        }
        dissolved = {
            union_id: unions
            for union_id, unions in unions_of_members.items()
            if unions and union_id not in unions
        }
        deleted: set[str] = set()
        replaced: set[str] = set()
        for union_id, other_unions in dissolved.items():
            if run.time_budget.is_used_up():
                break
            try:
                answer = run.chat_api.look_up(union_id)
            except ListingError:  # Beeper gave no clear answer: the next complete run asks again.
                continue
            is_replaced = None not in other_unions
            if answer is None or (is_replaced and not answer.merged_into and not answer.merged_chat_ids):
                # It need not be missing from two complete runs first, as other chats must, because the chats
                # that were merged into it are shown.
                self.delete(union_id, run)
                deleted.add(union_id)
            elif answer.merged_into and self.apply(answer, union_id, listings[union_id].own_folder, run):
                replaced.add(union_id)
        for union_id in deleted:
            self.show_members_of_deleted(union_id, listings, missing, run)
        return MergeResult(missing - deleted - replaced, len(deleted))

    def show_members_of_deleted(
        self, union_id: str, listings: Mapping[str, Listing], missing: set[str], run: SyncRun
    ) -> None:
        """Shows the chats that are still hidden because of this union, which was deleted just now.

        The chats in `missing` stay hidden, because Beeper has probably deleted them as well.
        """
        members = [chat_id for chat_id, listing in listings.items() if listing.merged_into == union_id]
        rows = self.chats_table.stored(sorted(set(members) - missing), consistent=True)
        for chat_id, folder in _hidden_in(union_id, rows).items():
            self.chats_table.show(chat_id, folder=folder, fence=run.fence)

    def apply(self, answer: Chat, chat_id: str, folder: Folder, run: SyncRun) -> str | None:
        """Hides or shows a hidden chat according to Beeper's answer for it. `folder` is the chat's own.

        Returns the id of the union that is shown instead of the chat, or None if the chat is shown.
        """
        union_id = answer.merged_into
        union = self.chats_table.stored([union_id], consistent=True).get(union_id) if union_id else None
        if union_id is None or union is None or union.merged_into is not None:
            self.chats_table.show(chat_id, folder=folder, fence=run.fence)
            return None
        self._hide(chat_id, union_id, run)
        return union_id

    def _hide(self, chat_id: str, union_id: str, run: SyncRun) -> None:
        """Hides a chat. Even if Beeper lists it, too, it is now stored in another way than it is listed."""
        self.chats_table.hide(chat_id, union_id=union_id, fence=run.fence)
        run.stored_hashes.pop(chat_id, None)

    def _ask_for(self, hidden: Mapping[str, Folder], run: SyncRun) -> _Answers:
        """Asks Beeper for each of these hidden chats, and shows those that are in no union any more."""
        answers = _Answers({}, set())
        for chat_id, folder in hidden.items():
            if run.time_budget.is_used_up():
                answers.unclear.add(chat_id)
                continue
            try:
                answer = run.chat_api.look_up(chat_id)
            except ListingError:
                answers.unclear.add(chat_id)
                continue
            if answer is not None:
                answers.unions[chat_id] = self.apply(answer, chat_id, folder, run)
        return answers

    def delete(self, chat_id: str, run: SyncRun) -> None:
        """Deletes a chat with its members. Raises FencedOffError."""
        delete_chat(
            chat_id,
            run,
            chats_table=self.chats_table,
            participants_table=self.participants_table,
            people_memory=self.people_memory,
        )


def with_unions(page: Iterable[Chat], run: SyncRun) -> list[Chat]:
    """Returns the chats, each with the union that it is merged into, if a union of this run names it.

    Most servers do not list such chats. Others list them, but without the id of the union.
    """
    chats = list(page)
    for chat in chats:
        for chat_id in chat.merged_chat_ids:
            run.unions.union_of.setdefault(chat_id, chat.chat_id)
    return [
        chat
        if chat.merged_chat_ids
        else replace(chat, merged_into=run.unions.union_of.get(chat.chat_id, chat.merged_into))
        for chat in chats
    ]


def without_unknown_unions(
    chats: Iterable[Chat], stored: Mapping[str, StoredChat], run: SyncRun
) -> list[Chat]:
    """Returns the chats of a page. A chat whose union is not shown has no `merged_into`, so it is shown.

    A union is shown if it is on the page or stored, and is not merged into another one itself. `stored` must
    contain the unions that the chats are merged into, if they have a row.
    """
    page = list(chats)
    shown = {chat_id for chat_id, row in stored.items() if row.merged_into is None}
    shown |= set(run.unions.union_of.values())
    for chat in page:
        if chat.merged_into is None:
            shown.add(chat.chat_id)
        else:
            shown.discard(chat.chat_id)
    return [chat if chat.merged_into in shown else replace(chat, merged_into=None) for chat in page]


def _hidden_in(union_id: str, rows: Mapping[str, StoredChat]) -> dict[str, Folder]:
    """Returns the own folder of each chat that is hidden because of this union."""
    return {chat_id: row.own_folder for chat_id, row in rows.items() if row.merged_into == union_id}


def _unions_naming(listings: Mapping[str, Listing], unlisted: set[str]) -> dict[str, list[str]]:
    """Maps the id of each stored chat to the listed unions that name it as a member.

    A chat that no listed union names has no entry. A chat that is itself a union has no entry either.
    """
    naming: dict[str, list[str]] = defaultdict(list)
    for union_id in sorted(listings.keys() - unlisted):
        for chat_id in listings[union_id].merged_chat_ids & listings.keys():
            if not listings[chat_id].merged_chat_ids:
                naming[chat_id].append(union_id)
    return dict(naming)


def _members(union_id: str, listings: Mapping[str, Listing]) -> frozenset[str]:
    """Returns the stored chats that were in this union when it was stored."""
    return listings[union_id].merged_chat_ids & listings.keys()
