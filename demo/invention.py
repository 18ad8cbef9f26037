"""Invents the chats that a demo account starts with. The same seed, scale and date give the same chats."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from demo.chats import Chat, Extras, Merge, Network, Person, epoch_ms
from demo.gallery import LETTERS_AND_DIGITS, Gallery
from demo.media import Picture
from demo.messages import message_of
from demo.people import (
    BEEPER,
    DISCORD,
    IMESSAGE,
    INSTAGRAM,
    META_AI,
    NETWORKS,
    SIGNAL,
    TELEGRAM,
    WHATSAPP,
    invent_person,
    invent_self,
)

# The number of chats of a real account, and the size of the largest group that was seen in one.
SINGLE_CHATS = 155
GROUPS = 23
CROWD = 552
# A small account still has every special case.
FEWEST_SINGLE_CHATS = 20
FEWEST_GROUPS = 3
SMALLEST_CROWD = 30

SMALLEST_GROUP = 3
LARGEST_GROUP = 40
COMMON_GROUP = 8

LONGEST_SILENCE = timedelta(days=730)
MILLISECOND = timedelta(milliseconds=1)

# As in the real account, most contacts are on WhatsApp.
CONTACT_NETWORKS = (
    *(WHATSAPP, INSTAGRAM, WHATSAPP, SIGNAL, TELEGRAM),
    *(WHATSAPP, IMESSAGE, INSTAGRAM, DISCORD, TELEGRAM),
)
GROUP_NETWORKS = (WHATSAPP, TELEGRAM, SIGNAL, INSTAGRAM)
GROUP_NAMES = ("Sunday hikers", "Book club", "Flat 4B", "Cake rota", "Choir", "Quiz night", "Repair café")
# A chat id may contain any character: these must be percent-encoded in a path.
ODD_CHAT_IDS = ("imsg##thread:7c/9f", "!slash/and%41percent:beeper.local", "!q?mark=1&so on#x:beeper.local")
FIRST_ODD_CHAT = 3


LABELS = ("Family", "Work", "Holiday")
A_WEEK_IN_SECONDS = 604_800
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Invention:
    """The chats, and the keys of all media in them whose bytes do not exist."""

    chats: tuple[Chat, ...]
    gone: frozenset[str]


def invent(seed: int, scale: float, now: datetime) -> Invention:
    """Returns an account whose chats were active in the two years before `now`.

    A scale of 2 gives twice as many chats as a real account has.
    """
    return _Inventor(Random(seed), now).invent(scale)


class _Inventor:
    """Invents one account. The order of its steps must not change, because all use one random generator."""

    def __init__(self, rng: Random, now: datetime) -> None:
        self._rng = rng
        self._now = now
        self._gallery = Gallery(rng)
        self._chat_count = 0
        self._person_count = 0
        own_picture = Picture.on_disk(self._gallery.new_media())
        self._selves = {network: invent_self(network, own_picture) for network in NETWORKS}
        bot_picture = Picture.on_disk(self._gallery.new_media())
        self._meta_ai = replace(META_AI, picture=bot_picture)
        self._contacts: list[tuple[Person, Network]] = []

    def invent(self, scale: float) -> Invention:
        single_chats = list(self._single_chats(max(FEWEST_SINGLE_CHATS, round(SINGLE_CHATS * scale))))
        chats = [
            *self._with_other_halves(single_chats),
            *self._groups(max(FEWEST_GROUPS, round(GROUPS * scale))),
            self._crowd(max(SMALLEST_CROWD, round(CROWD * scale))),
            self._note_to_self(),
        ]
        halves = zip(single_chats[10::70], chats[len(single_chats) :], strict=False)
        unions = [union_of(f"!union-{number}:beeper.com", pair) for number, pair in enumerate(halves)]
        union_ids = {member_id: union.id for union in unions for member_id in union.member_ids}
        chats = [replace(chat, merged_into=union_ids.get(chat.id)) for chat in chats]
        return Invention((*self._with_quirks(chats), *unions), frozenset(self._gallery.gone))

    def _single_chats(self, count: int) -> Iterator[Chat]:
        for number in range(count):
            person, network = self._next_contact(number)
            title = person.full_name or person.phone_number or person.id
            yield self._chat(network, title, self._pair(number, person, network))

    def _next_contact(self, number: int) -> tuple[Person, Network]:
        """Returns a new contact, or for every 13th chat, a contact that already has a chat."""
        if number % 13 == 12:
            return self._contacts[-6]
        network = CONTACT_NETWORKS[number % len(CONTACT_NETWORKS)]
        person = self._new_person(network, self._gallery.contact_picture(number))
        self._contacts.append((person, network))
        return person, network

    def _new_person(self, network: Network, picture: Picture | None) -> Person:
        self._person_count += 1
        return invent_person(self._person_count, network, picture)

    def _pair(self, number: int, person: Person, network: Network) -> tuple[Person, ...]:
        """Returns the people of a single chat. The owner is the first or the last.

        Some Instagram chats have Meta AI as a third member, in two chats before the person.
        """
        owner = self._selves[network]
        if network is INSTAGRAM and number in (7, 17):
            return (self._meta_ai, person, owner)
        if network is INSTAGRAM and number % 4 == 1:
            return (person, owner, self._meta_ai)
        return (owner, person) if number % 3 == 0 else (person, owner)

    def _with_other_halves(self, chats: list[Chat]) -> Iterator[Chat]:
        """Returns the chats, and a second chat with the same person for each that becomes part of a union."""
        yield from chats
        for chat in chats[10::70]:
            yield self._elsewhere(chat)

    def _elsewhere(self, chat: Chat) -> Chat:
        """Returns a chat on Signal or WhatsApp with the same person, who has the same picture there."""
        network = WHATSAPP if chat.network is SIGNAL else SIGNAL
        person = next(person for person in chat.people if not (person.is_self or person.is_network_bot))
        elsewhere = invent_person(9_000 + self._chat_count, network, person.picture)
        people = (replace(elsewhere, full_name=person.full_name), self._selves[network])
        return self._chat(network, chat.title, people)

    def _groups(self, count: int) -> Iterator[Chat]:
        """Returns `count` groups. The first is as small, the second as large as a real group may be."""
        sizes = (SMALLEST_GROUP, LARGEST_GROUP)
        for number in range(count):
            network = GROUP_NETWORKS[number % len(GROUP_NETWORKS)]
            size = (
                sizes[number]
                if number < len(sizes)
                else round(self._rng.triangular(SMALLEST_GROUP, LARGEST_GROUP, COMMON_GROUP))
            )
            first, *others = self._members(network, size - 1)
            people = (self._selves[network], replace(first, is_admin=True), *others)
            name = GROUP_NAMES[number % len(GROUP_NAMES)]
            group = self._chat(network, f"{name} {number + 1}", people)
            yield replace(
                group,
                is_group=True,
                picture=self._gallery.group_picture(number),
                description=f"{name}, since 2019" if number % 2 else None,
                extras=replace(group.extras, unread_mentions=min(group.unread, 1)),
            )

    def _members(self, network: Network, count: int) -> Iterator[Person]:
        """Returns the members of a group without the owner: two thirds are contacts, the others strangers.

        Every third contact has another kind of picture URL here: mxc: instead of file:, or file: instead of
        mxc:.
        """
        # A person who has two chats is in the list of contacts twice.
        contacts = list({person.id: person for person, home in self._contacts if home is network}.values())
        friends = self._rng.sample(contacts, min(len(contacts), count * 2 // 3))
        for number, friend in enumerate(friends):
            yield friend if number % 3 else self._with_other_url(friend)
        for number in range(count - len(friends)):
            picture = Picture.remote(self._gallery.new_media()) if number % 4 == 0 else None
            yield self._new_person(network, picture)

    @staticmethod
    def _with_other_url(person: Person) -> Person:
        """Swaps mxc: and file: in the person's picture URL.

        Beeper downloads pictures for each chat separately, so one picture may have different URLs in two
        chats.
        """
        if person.picture is None or person.picture.media is None:
            return person
        media = person.picture.media
        is_file = person.picture.url == media.file_url
        return replace(person, picture=Picture.remote(media) if is_file else Picture.on_disk(media))

    def _crowd(self, size: int) -> Chat:
        members = (
            self._new_person(TELEGRAM, self._gallery.crowd_picture(number)) for number in range(size - 1)
        )
        group = self._chat(TELEGRAM, "Everybody who likes maps", (self._selves[TELEGRAM], *members))
        return replace(group, is_group=True, is_muted=True, extras=replace(group.extras, is_read_only=True))

    def _note_to_self(self) -> Chat:
        return self._chat(WHATSAPP, "Note to self", (self._selves[WHATSAPP],))

    def _chat(self, network: Network, title: str, people: tuple[Person, ...]) -> Chat:
        number = self._chat_count
        self._chat_count += 1
        # In whole milliseconds, as on the wire.
        silence = timedelta(milliseconds=round(LONGEST_SILENCE / MILLISECOND * self._relative_silence()))
        message = message_of(number)
        return Chat(
            id=self._chat_id(number, network),
            local_id=str(number + 1),
            network=network,
            title=title,
            is_group=False,
            people=people,
            last_activity=self._now - silence,
            last_message=message.text if message else None,
            message_fields=message.special_fields if message else {},
            unread=self._rng.randint(1, 12) if number % 5 == 2 else 0,
            is_archived=number % 9 == 4,
            is_muted=number % 8 == 2,
            is_pinned=number % 30 == 1,
            extras=_extras(number, network, silence),
        )

    def _relative_silence(self) -> float:
        """Returns a number from 0 (recent) to 1 (long ago). As in real accounts, small numbers are common."""
        return self._rng.random() ** 2

    def _chat_id(self, number: int, network: Network) -> str:
        odd_number = number - FIRST_ODD_CHAT
        if 0 <= odd_number < len(ODD_CHAT_IDS):
            return ODD_CHAT_IDS[odd_number]
        random_part = "".join(self._rng.choices(LETTERS_AND_DIGITS, k=18))
        return f"imsg##thread:{random_part}" if network is IMESSAGE else f"!{random_part}:beeper.local"

    @staticmethod
    def _with_quirks(chats: list[Chat]) -> Iterator[Chat]:
        """Adds each of the quirks that a parser must tolerate to a few chats."""
        for number, chat in enumerate(chats):
            match number % 40:
                case 16 if chat.last_activity:
                    yield replace(chat, quirks={"lastActivity": epoch_ms(chat.last_activity)})
                case 17:
                    yield replace(chat, quirks={"unreadCount": str(chat.unread), "glow": {"hue": 7}})
                case 18 if number < 40:
                    yield replace(chat, last_activity=None, quirks={"lastActivity": None})
                case 19 if number < 40:
                    yield replace(chat, last_activity=None)
                case _:
                    yield chat


def union_of(union_id: str, members: Sequence[Chat]) -> Chat:
    """Returns the union of these chats, without a message of its own: it shows the newest of its members.

    Its roster has everybody of the members, so the owner is in it once for each network.
    """
    newest = max(members, key=lambda chat: chat.activity_ms)
    people = {person.id: person for chat in members for person in chat.people}
    return replace(
        newest,
        id=union_id,
        local_id=f"{newest.local_id}-union",
        network=BEEPER,
        people=tuple(people.values()),
        unread=sum(chat.unread for chat in members),
        message_fields={
            **newest.message_fields,
            "chatID": newest.id,
            "accountID": newest.network.account_id,
        },
        merge=Merge(tuple(chat.id for chat in members), members[0].id),
        merged_into=None,
        quirks={},
    )


def _extras(number: int, network: Network, silence: timedelta) -> Extras:
    """Returns the fields of the n-th chat that only new servers send. Each occurs in a small account, too."""
    return Extras(
        is_low_priority=number % 12 == 6,
        is_marked_unread=number % 16 == 8,
        labels=(LABELS[number % len(LABELS)],) if number % 10 == 5 else (),
        message_expiry_seconds=A_WEEK_IN_SECONDS if network is SIGNAL else None,
        draft="<p>And then we <em>could</em>…</p>" if number % 19 == 7 else None,
        reminder_after=silence + A_DAY if number % 23 == 3 else None,
        snooze_after=silence + 2 * A_DAY if number % 23 == 9 else None,
    )
