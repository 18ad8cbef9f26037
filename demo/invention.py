"""Seed, scale and date → the chats that a demo account starts with; the same input gives the same chats."""

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

SINGLE_CHATS = 155
GROUPS = 23
CROWD = 552  # the largest group in a recorded answer (reference C 3.1)

# WhatsApp leads in the account that the load model was made from.
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

# Ids hold any character (design §7): these need percent-encoding in a path.
ODD_CHAT_IDS = ("imsg##thread:7c/9f", "!slash/and%41percent:beeper.local", "!q?mark=1&so on#x:beeper.local")


@dataclass(frozen=True, slots=True)
class Invention:
    chats: tuple[Chat, ...]
    gone: frozenset[str]


def invent(seed: int, scale: float, now: datetime) -> Invention:
    return _Inventor(Random(seed), now).invent(scale)


class _Inventor:
    def __init__(self, rng: Random, now: datetime) -> None:
        self._rng = rng
        self._now = now
        self._gallery = Gallery(rng)
        self._chats_made = 0
        self._people_made = 0
        portrait = Picture.on_disk(self._gallery.new_media())
        self._selves = {network: invent_self(network, portrait) for network in NETWORKS}
        bot_picture = Picture.on_disk(self._gallery.new_media())
        self._meta_ai = replace(META_AI, picture=bot_picture)
        self._contacts: list[tuple[Person, Network]] = []

    def invent(self, scale: float) -> Invention:
        singles = list(self._single_chats(max(20, round(SINGLE_CHATS * scale))))
        chats = [
            *self._with_merged_chats(singles),
            *self._groups(max(3, round(GROUPS * scale))),
            self._crowd(max(30, round(CROWD * scale))),
            self._note_to_self(),
        ]
        return Invention(tuple(self._with_quirks(chats)), frozenset(self._gallery.gone))

    def _single_chats(self, count: int) -> Iterator[Chat]:
        for number in range(count):
            person, network = self._next_contact(number)
            title = person.full_name or person.phone_number or person.id
            yield self._chat(network, title, self._pair(number, person, network))

    def _next_contact(self, number: int) -> tuple[Person, Network]:
        if number % 13 == 12:  # a second chat with somebody already known
            return self._contacts[-6]
        network = CONTACT_NETWORKS[number % len(CONTACT_NETWORKS)]
        person = self._new_person(network, self._gallery.contact_picture(number))
        self._contacts.append((person, network))
        return person, network

    def _new_person(self, network: Network, picture: Picture | None) -> Person:
        self._people_made += 1
        return invent_person(self._people_made, network, picture)

    def _pair(self, number: int, person: Person, network: Network) -> tuple[Person, ...]:
        """The owner comes first or last; Meta AI sits in some Instagram chats, twice before the person."""
        myself = self._selves[network]
        if network is INSTAGRAM and number in (7, 17):
            return (self._meta_ai, person, myself)
        if network is INSTAGRAM and number % 4 == 1:
            return (person, myself, self._meta_ai)
        return (myself, person) if number % 3 == 0 else (person, myself)

    def _with_merged_chats(self, chats: list[Chat]) -> Iterator[Chat]:
        """Beeper merges two chats with one person; the one merged away stays in the list."""
        yield from chats
        for target in chats[10::70]:
            twin = self._chat(target.network, target.title, target.people)
            yield replace(twin, merged_into=target.id)

    def _groups(self, count: int) -> Iterator[Chat]:
        for number in range(count):
            network = GROUP_NETWORKS[number % len(GROUP_NETWORKS)]
            size = (3, 40)[number] if number < 2 else round(self._rng.triangular(3, 40, 8))
            people = (self._selves[network], *self._members(network, size - 1))
            chat = self._chat(network, f"{GROUP_NAMES[number % len(GROUP_NAMES)]} {number + 1}", people)
            yield replace(chat, is_group=True, picture=self._gallery.group_picture(number))

    def _members(self, network: Network, count: int) -> Iterator[Person]:
        """Two in three are contacts, some shown by the other form of their URL; the rest are strangers."""
        # By id: a person with two chats stands in the list of contacts twice.
        known = list({person.id: person for person, home in self._contacts if home is network}.values())
        friends = self._rng.sample(known, min(len(known), count * 2 // 3))
        for number, friend in enumerate(friends):
            yield friend if number % 3 else self._in_other_form(friend)
        for number in range(count - len(friends)):
            stranger = Picture.remote(self._gallery.new_media()) if number % 4 == 0 else None
            yield self._new_person(network, stranger)

    @staticmethod
    def _in_other_form(person: Person) -> Person:
        """Beeper downloads per chat, so one chat may still say mxc: where another says file:."""
        if person.picture is None or person.picture.media is None:
            return person
        media = person.picture.media
        is_file = person.picture.url == media.file_url
        return replace(person, picture=Picture.remote(media) if is_file else Picture.on_disk(media))

    def _crowd(self, size: int) -> Chat:
        members = (self._new_person(TELEGRAM, self._gallery.crowd_picture(at)) for at in range(size - 1))
        chat = self._chat(TELEGRAM, "Everybody who likes maps", (self._selves[TELEGRAM], *members))
        return replace(chat, is_group=True, is_muted=True)

    def _note_to_self(self) -> Chat:
        return self._chat(WHATSAPP, "Note to self", (self._selves[WHATSAPP],))

    def _chat(self, network: Network, title: str, people: tuple[Person, ...]) -> Chat:
        number = self._chats_made
        self._chats_made += 1
        # Squared, so that chats crowd towards today; whole milliseconds, as on the wire.
        age = timedelta(milliseconds=round(timedelta(days=730) / timedelta(milliseconds=1) * self._age()))
        return Chat(
            id=self._chat_id(number, network),
            local_id=str(number + 1),
            network=network,
            title=title,
            is_group=False,
            people=people,
            last_activity=self._now - age,
            last_message=MESSAGES[number % len(MESSAGES)] if number % 11 else None,
            unread=self._rng.randint(1, 12) if number % 5 == 2 else 0,
            is_archived=number % 9 == 4,
            is_muted=number % 8 == 2,
            is_pinned=number % 30 == 1,
        )

    def _age(self) -> float:
        return self._rng.random() ** 2

    def _chat_id(self, number: int, network: Network) -> str:
        if 3 <= number < 3 + len(ODD_CHAT_IDS):
            return ODD_CHAT_IDS[number - 3]
        random_part = "".join(self._rng.choices(LETTERS_AND_DIGITS, k=18))
        return f"imsg##thread:{random_part}" if network is IMESSAGE else f"!{random_part}:beeper.local"

    @staticmethod
    def _with_quirks(chats: list[Chat]) -> Iterator[Chat]:
        """What a parser has to tolerate, each in a few chats (reference B 2.3)."""
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
