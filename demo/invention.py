"""Invents the chats that a demo account starts with. The same seed, scale and date give the same chats."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from demo.chats import Chat, Network, Person, epoch_ms
from demo.gallery import LETTERS_AND_DIGITS, Gallery
from demo.media import Picture
from demo.people import (
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
MESSAGES = (
    *("See you on Sunday!", "The cake is in the oven", "👍", "Did the parcel arrive?", "Sounds good"),
    *("Which platform are you on?", "Here is the recipe: butter, sugar, patience", "ha!"),
)

# A chat id may contain any character: these must be percent-encoded in a path.
ODD_CHAT_IDS = ("imsg##thread:7c/9f", "!slash/and%41percent:beeper.local", "!q?mark=1&so on#x:beeper.local")
FIRST_ODD_CHAT = 3


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
            *self._with_merged_chats(single_chats),
            *self._groups(max(FEWEST_GROUPS, round(GROUPS * scale))),
            self._crowd(max(SMALLEST_CROWD, round(CROWD * scale))),
            self._note_to_self(),
        ]
        return Invention(tuple(self._with_quirks(chats)), frozenset(self._gallery.gone))

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

    def _with_merged_chats(self, chats: list[Chat]) -> Iterator[Chat]:
        """Returns the chats, and some chats that were merged into these but are still in Beeper's list."""
        yield from chats
        for target in chats[10::70]:
            merged = self._chat(target.network, target.title, target.people)
            yield replace(merged, merged_into=target.id)

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
            people = (self._selves[network], *self._members(network, size - 1))
            group = self._chat(network, f"{GROUP_NAMES[number % len(GROUP_NAMES)]} {number + 1}", people)
            yield replace(group, is_group=True, picture=self._gallery.group_picture(number))

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
        return replace(group, is_group=True, is_muted=True)

    def _note_to_self(self) -> Chat:
        return self._chat(WHATSAPP, "Note to self", (self._selves[WHATSAPP],))

    def _chat(self, network: Network, title: str, people: tuple[Person, ...]) -> Chat:
        number = self._chat_count
        self._chat_count += 1
        # In whole milliseconds, as on the wire.
        silence = timedelta(milliseconds=round(LONGEST_SILENCE / MILLISECOND * self._relative_silence()))
        return Chat(
            id=self._chat_id(number, network),
            local_id=str(number + 1),
            network=network,
            title=title,
            is_group=False,
            people=people,
            last_activity=self._now - silence,
            last_message=MESSAGES[number % len(MESSAGES)] if number % 11 else None,
            unread=self._rng.randint(1, 12) if number % 5 == 2 else 0,
            is_archived=number % 9 == 4,
            is_muted=number % 8 == 2,
            is_pinned=number % 30 == 1,
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
