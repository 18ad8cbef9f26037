"""A complete run makes the tables equal to the account, whatever has happened to the account.

A state machine drives the demo account and the real use case: chats come and go, members join and
leave, chats are merged into unions that grow, shrink and dissolve, avatars change, files appear, contacts are
kept and removed, WhatsApp moves people to other ids and tells their numbers later, Beeper goes away at any
request or withholds a chat, the function is killed at any AWS call. Pages hold two chats and lists three
members, so that there are several of each.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
import requests
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from demo import chat_pages
from demo.chats import Chat, Person
from demo.media import Media, Picture
from demo.service import DemoAccount
from imagecache.clock import HOUR
from imagecache.model.chat import Chat as StoredChat
from imagecache.model.chat import Folder
from imagecache.model.contact import IdentifierKind
from imagecache.model.image import Blob, ImageStatus
from imagecache.queues.images import from_body
from imagecache.rules.names import better_name, first_name
from imagecache.sources.beeper.chats import ChatApi
from imagecache.stores.chats.participants import CHAT_ROW
from imagecache.stores.images.claims import Won
from tests.integration.conftest import Stack, fresh_stack
from tests.integration.demo_chats import chat_with

NAMES = ("Ada", "Bob", "Eve", "Joe", "Zoe")
PEOPLE = [
    Person(f"@{name}:beeper.local", full_name=name, phone_number=f"+44207946095{number}")
    for number, name in enumerate(NAMES)
]
MEDIA = [Media("local.beeper.com", f"alex_{number}") for number in range(6)]
people = st.sampled_from(PEOPLE)
pictures = st.sampled_from([None, *map(Picture.remote, MEDIA), *map(Picture.on_disk, MEDIA)])
of_contacts = st.sampled_from([None, "https://pictures.example/1.jpg", "https://pictures.example/2.jpg"])
which = st.integers(0, 99)


class KilledError(Exception):
    """The function ends here, as if its process had been killed."""


class AccountMachine(RuleBasedStateMachine):
    """Keys of images that have been queued are counted, and every picture that is queued gets cached."""

    @initialize()
    def an_account_with_three_chats(self) -> None:
        self.resources = ExitStack()
        self.stack: Stack = self.resources.enter_context(fresh_stack())
        self.demo = self.resources.enter_context(DemoAccount(scale=0.03))
        self.demo.chat_api.lists_contacts = False  # the contacts of this model are put by hand
        self.session = self.resources.enter_context(requests.Session())
        patch = self.resources.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(chat_pages, "PARTICIPANTS", 3)
        self.countdown: int | None = None
        for client in (self.stack.dynamodb, self.stack.sqs):
            client.meta.events.register("before-call.*.*", self.maybe_killed)
            self.resources.callback(client.meta.events.unregister, "before-call.*.*", self.maybe_killed)
        self.demo.account.remove_all_chats()
        self.made, self.killed = 0, False
        self.book = self.stack.wiring.contact_book
        self.kept: dict[str, str | None] = {}
        # Everybody as they are now, by name. The name of a person never changes, their id may.
        self.people = {str(person.full_name): person for person in PEOPLE}
        self.name_by_id = {person.id: str(person.full_name) for person in PEOPLE}
        self.named: dict[str, set[str | None]] = {name: set() for name in NAMES}
        self.faces: dict[tuple[str, str], set[str]] = {}
        for _ in range(3):
            self.a_chat_begins(0, [PEOPLE[self.made]])
        self.ended: list[Chat] = []
        self.missing: set[str] = set()
        self.a_complete_run_makes_the_tables_equal_to_the_account()

    def maybe_killed(self, **_: Any) -> None:
        if self.countdown is not None:
            self.countdown -= 1
            if self.countdown < 0:
                raise KilledError

    def teardown(self) -> None:
        """However it went on: the last word is that the tables are equal, and nothing is missing for ever."""
        if hasattr(self, "killed"):
            assert self.run(complete=True) == "ok"
            self.missing = set()
            self.a_complete_run_makes_the_tables_equal_to_the_account()
            assert self.missing == set()
            self.resources.close()

    def chat(self, number: int) -> Chat:
        return self.demo.account.chats[number % len(self.demo.account.chats)]

    @rule(number=which, members=st.lists(people, min_size=1, unique=True))
    def a_chat_begins(self, number: int, members: list[Person]) -> None:
        self.made += 1
        members = [self.current(person) for person in members]
        chat = replace(chat_with(self.made, *members), is_archived=number % 5 == 0)
        self.demo.account.add_chat(chat)
        self.demo.account.receive_message(chat.id, "hello")

    @rule(number=which)
    def a_message_arrives(self, number: int) -> None:
        self.demo.account.receive_message(self.chat(number).id, f"message {number}")

    @rule(person=people, picture=pictures)
    def somebody_changes_their_picture(self, person: Person, picture: Picture | None) -> None:
        self.demo.account.set_avatar(self.current(person).id, picture)

    @rule(number=which, picture=pictures, has_number=st.booleans())
    def whatsapp_moves_somebody_to_another_id(
        self, number: int, picture: Picture | None, has_number: bool
    ) -> None:
        """The picture vanishes, though nobody has removed it; the number may arrive later."""
        others = [person for person in self.chat(number).people if not person.is_self]
        if not others:
            return
        name = self.name_by_id[others[0].id]
        person = next(each for each in PEOPLE if each.full_name == name)
        self.a_contact_is_removed(person)
        if picture:
            self.somebody_changes_their_picture(person, picture)
            self.a_complete_run_makes_the_tables_equal_to_the_account()
        before = self.current(person)
        self.made += 1
        phone_number = person.phone_number if has_number else None
        new_id = f"@whatsapp_lid-{self.made}:beeper.local"
        self.people[name] = replace(before, id=new_id, phone_number=phone_number)
        self.name_by_id[new_id] = name
        self.change_everywhere(
            before.id, lambda one: replace(one, id=new_id, phone_number=phone_number, picture=None)
        )

    @rule(person=people)
    def the_number_of_somebody_arrives(self, person: Person) -> None:
        number = person.phone_number
        after = replace(self.current(person), phone_number=number)
        self.people[str(person.full_name)] = after
        self.change_everywhere(after.id, lambda one: replace(one, phone_number=number))

    def current(self, person: Person) -> Person:
        return self.people[str(person.full_name)]

    def change_everywhere(self, person_id: str, change: Callable[[Person], Person]) -> None:
        """Changes a person in all chats, also in those that have ended and may come back."""

        def changed(chat: Chat) -> Chat:
            return replace(
                chat, people=tuple(change(one) if one.id == person_id else one for one in chat.people)
            )

        for chat in self.demo.account.chats:
            self.demo.account.add_chat(changed(chat))
        self.ended = [changed(chat) for chat in self.ended]

    @rule(number=which, picture=pictures)
    def a_chat_changes_its_picture(self, number: int, picture: Picture | None) -> None:
        self.demo.account.set_avatar(self.chat(number).id, picture)

    @rule(media=st.sampled_from(MEDIA))
    def beeper_downloads_a_picture(self, media: Media) -> None:
        self.demo.account.show_as_file(media.key)

    @rule(number=which, person=people)
    def somebody_joins_or_leaves(self, number: int, person: Person) -> None:
        chat, person = self.chat(number), self.current(person)
        if any(one.id == person.id for one in chat.people):
            self.demo.account.remove_member(chat.id, person.id)
        else:
            self.demo.account.add_member(chat.id, person)

    @rule(number=which)
    def somebody_is_shown_as_a_number_only(self, number: int) -> None:
        chat = self.chat(number)
        nameless = tuple(replace(one, full_name="+49 170 1234567") for one in chat.people)
        self.demo.account.add_chat(replace(chat, people=nameless))

    @rule(person=people, picture=of_contacts)
    def a_contact_is_kept_for_somebody(self, person: Person, picture: str | None) -> None:
        current = self.current(person)
        by_hand = {IdentifierKind.PARTICIPANT: [current.id]}
        name = str(person.full_name)
        self.book.put(name, full_name=name, source_url=picture, identifier_texts=by_hand)
        self.kept[current.id] = picture

    @rule(person=people)
    def a_contact_is_removed(self, person: Person) -> None:
        current = self.current(person)
        if current.id in self.kept:
            self.book.remove(str(person.full_name))
            del self.kept[current.id]

    @precondition(lambda self: len(self.demo.account.chats) > 2)
    @rule(number=which)
    def a_chat_ends(self, number: int) -> None:
        chat = self.chat(number)
        self.demo.account.remove_chat(chat.id)
        self.ended.append(chat)

    @precondition(lambda self: self.ended)
    @rule()
    def a_chat_comes_back(self) -> None:
        chat = self.ended.pop()
        if chat.merge is None:
            self.demo.account.add_chat(chat)
        else:
            listed = {one.id for one in self.demo.account.chats if one.merge is None}
            self.merge(chat.id, listed.intersection(chat.merge.chat_ids))

    @rule(numbers=st.lists(which, min_size=1, max_size=3))
    def a_union_forms(self, numbers: list[int]) -> None:
        self.made += 1
        listed = [chat.id for chat in self.demo.account.chats if chat.merge is None]
        self.merge(f"!union{self.made}", {listed[number % len(listed)] for number in numbers if listed})

    @precondition(lambda self: self.unions())
    @rule(number=which, joins=st.booleans())
    def a_union_grows_or_shrinks(self, number: int, joins: bool) -> None:
        unions = self.unions()
        union, members = list(unions.items())[number % len(unions)]
        listed = {chat.id for chat in self.demo.account.chats if chat.merge is None}
        changed = sorted(listed if joins else members)[:1]
        self.merge(union, members.symmetric_difference(changed))

    @precondition(lambda self: self.unions())
    @rule(number=which)
    def a_union_dissolves(self, number: int) -> None:
        unions = list(self.unions())
        self.demo.account.remove_chat(unions[number % len(unions)])

    def merge(self, union: str, members: Iterable[str]) -> None:
        """Gives a union these members. Without members it dissolves."""
        if chat_ids := sorted(members):
            self.demo.account.merge_chats(union, chat_ids)
        else:
            self.demo.account.remove_chat(union)

    def unions(self) -> dict[str, set[str]]:
        """Returns the members of each union."""
        return {chat.id: set(chat.merge.chat_ids) for chat in self.demo.account.chats if chat.merge}

    @rule(calls=st.integers(0, 40))
    def a_run_is_killed_at_some_call(self, calls: int) -> None:
        self.countdown = calls
        try:
            self.run(complete=True)
        except KilledError:
            self.killed = True
            self.stack.now += HOUR  # its lease lapses
        finally:
            self.countdown = None

    @rule(
        fault=st.sampled_from(["offline", "unauthorized", "tunnel_down"]),
        requests_before=st.integers(0, 8),
        complete=st.booleans(),
    )
    def beeper_goes_away_at_some_request(self, fault: str, requests_before: int, complete: bool) -> None:
        self.demo.faults.set(fault, "chats", after=requests_before)
        missing, synced = self.marked_missing(), self.stack.wiring.last_sync_store.read()
        outcome = self.run(complete=complete)
        self.demo.faults.set("none", "all")
        if outcome != "ok":
            assert self.stack.wiring.last_sync_store.read() == synced
            assert not (self.marked_missing() - missing) & {chat.id for chat in self.demo.account.chats}
        served = {"ok"} if requests_before else set()
        assert outcome in served | {"unauthorized" if fault == "unauthorized" else "offline"}

    @rule(picture=pictures)
    def the_largest_chat_is_listed_but_not_given(self, picture: Picture | None) -> None:
        """The incremental run that follows makes good for it, though only its unlisted members changed."""
        chat = max(self.demo.account.chats, key=lambda chat: len(chat.people))
        self.demo.account.set_avatar(chat.people[-1].id, picture)
        self.demo.chat_api.withheld = {chat.id}
        outcome = self.run(complete=True)
        self.demo.chat_api.withheld = set()
        assert outcome == self.run(complete=False) == "ok"
        self.check_roster(next(one for one in self.demo.account.chats if one.id == chat.id))

    @rule()
    def an_incremental_run(self) -> None:
        self.run(complete=False)

    @rule()
    def a_complete_run_makes_the_tables_equal_to_the_account(self) -> None:
        assert self.run(complete=True) == "ok"
        shown = {chat.id: chat for chat in self.demo.account.chats}
        stored = self.stack.chats_table.listings()
        assert shown.keys() <= stored.keys()
        merged = {member: union for union, members in self.unions().items() for member in members}
        missing = stored.keys() - shown.keys() - merged.keys()
        assert self.marked_missing() == missing
        assert not missing & self.missing, "missing for the second time is deleted"
        self.missing = missing
        present = stored.keys() - missing
        assert {chat_id: stored[chat_id].merged_into for chat_id in present} == {
            chat_id: merged.get(chat_id) for chat_id in present
        }
        pages = [self.stack.chats_table.newest(folder, limit=100, after=None) for folder in Folder]
        rows = {row.chat_id: row for page in pages for row in page.chats}
        assert rows.keys() - missing == shown.keys()
        for chat in shown.values():
            self.check_roster(chat)
            self.check_row(chat, rows[chat.id])
            self.check_faces(chat)
        self.check_queue()

    def run(self, *, complete: bool) -> str:
        self.note_named_pictures()
        self.stack.now += 60_000
        api = ChatApi(
            base_url=self.demo.beeper_url,
            secrets={"beeper-token": self.demo.beeper_token},
            session=self.session,
            chats_per_page=2,
        )
        sync = self.stack.runs()
        report = sync.run(api, remaining_ms=lambda: 900_000, complete=complete, force=True)
        return report.outcome.value

    def marked_missing(self) -> set[str]:
        return {chat_id for chat_id, row in self.stack.chats_table.listings().items() if row.missing_since}

    def check_roster(self, chat: Chat) -> None:
        roster = self.stack.participants_table.roster(chat.id)
        own = roster.pop(CHAT_ROW, None)
        assert key_of(chat.picture) == (own.image.key if own and own.image else None)
        assert roster.keys() == {person.id for person in chat.people}
        for person in chat.people:
            image = roster[person.id].image
            assert key_of(person.picture) == (image.key if image else None)
            assert (roster[person.id].contact_id is not None) == (person.id in self.kept)
            assert roster[person.id].contact_image_key == self.kept.get(person.id)
            assert better_name(person.full_name, roster[person.id].full_name) == roster[person.id].full_name

    def note_named_pictures(self) -> None:
        """Notes the pictures of each person: those of members, and the own ones of single chats."""
        for chat in self.demo.account.chats:
            others = [person for person in chat.people if not person.is_self]
            for person in others:
                self.named[self.name_by_id[person.id]].add(key_of(person.picture))
            if not chat.is_group and len(others) == 1:
                self.named[self.name_by_id[others[0].id]].add(key_of(chat.picture))

    def check_faces(self, chat: Chat) -> None:
        """No face is another person's, and none is lost that was there under this id or this number."""
        roster = self.stack.participants_table.roster(chat.id)
        for person in chat.people:
            former = roster[person.id].former_image_key
            if person.is_self:
                assert former is None
                continue
            name = self.name_by_id[person.id]
            assert former is None or former in self.named[name]
            has_face = any((former, key_of(person.picture), key_of(chat.picture)))
            ids_with_face = self.faces.setdefault((chat.id, name), set())
            if ids_with_face and (person.phone_number or person.id in ids_with_face):
                assert has_face, f"{name} had a face"
            if former or key_of(person.picture):
                ids_with_face.add(person.id)

    def check_row(self, chat: Chat, row: StoredChat) -> None:
        assert (row.is_archived, row.participant_count) == (chat.is_archived, len(chat.people))
        others = [person for person in chat.people if not person.is_self]
        # In a group of the demo account, the first member who is not the owner has sent the message.
        sender = first_name(str(others[0].full_name)) if others else "You"
        line = f"{sender}: {chat.last_message}" if chat.is_group else chat.last_message
        assert (row.title, row.last_message) == (chat.title, line)
        assert key_of(chat.picture) == (row.image.key if row.image else None)
        faces = {one.participant_id: one.image.key if one.image else None for one in row.participants}
        assert faces == {person.id: key_of(person.picture) for person in chat.people}
        former = {one.participant_id: one.former_image_key for one in row.participants}
        roster = self.stack.participants_table.roster(chat.id)
        assert former == {person.id: roster[person.id].former_image_key for person in chat.people}
        stand_ins = {one.participant_id: one.contact_image_key for one in row.participants}
        assert stand_ins == {person.id: self.kept.get(person.id) for person in chat.people}

    def check_queue(self) -> None:
        """Nothing is queued twice while it waits, nothing cached is queued; then all of it is cached."""
        requested = [from_body(message["body"]) for message in self.stack.messages()]
        counted = Counter(request.image_key for request in requested)
        assert self.killed or set(counted.values()) <= {1}
        self.killed = False
        states = self.stack.cached_images.records(counted)
        assert {key: states[key].status for key in counted} == dict.fromkeys(counted, ImageStatus.PENDING)
        for request in requested:
            claim = self.stack.claims.claim(request, now=self.stack.now, lease_seconds=90, nonce="n")
            if isinstance(claim, Won):
                self.stack.claims.commit(claim, Blob("b", "image/png", 1, 1, 1), now=self.stack.now)
        pictures = [one for chat in self.demo.account.chats for one in chat.pictures]
        present = {person.id for chat in self.demo.account.chats for person in chat.people}
        stand_ins = {picture for person, picture in self.kept.items() if picture and person in present}
        wanted = {key for one in pictures if (key := key_of(one))} | stand_ins
        cached = self.stack.cached_images.views(wanted)
        assert {key: cached[key].status for key in wanted} == dict.fromkeys(wanted, ImageStatus.CACHED)


def key_of(picture: Picture | None) -> str | None:
    return picture.media.key if picture and picture.media else None


TestAccount = AccountMachine.TestCase
TestAccount.settings = settings(
    max_examples=15,
    stateful_step_count=10,
    phases=(Phase.generate,),  # shrinking takes many minutes
)
