"""A new name always arrives, an identifier never replaces a name, and every chat with people has a title."""

from dataclasses import replace

import pytest

from imagecache.model.chat import Chat, Participant
from imagecache.rules.names import better_name, is_identifier, title_of, title_to_store
from imagecache.sources.beeper.chats import parse_chat


@pytest.mark.parametrize(
    "name",
    [
        *("Ann @ Work", "Ann@Work", "@ann", "@ann: call me", "Bob: the builder", "Studio 54", "Ada"),
        *(
            "2026",
            "2026-07-01",
            "01.07. - 08.07.2026",
            "24/7",
            "+1",
            "1+1=2",
            "112",
            "Room 1:30",
            "!important",
        ),
        *("@all:hands", "!urgent:now", "@home:2026", "!!:)", "Ada@Acme.inc"),
        *("20-24 11 2026", "2026-11-20 - 24", "2025 2026 2027", "24 12 2026 18 00", "(2026) 12 24 25"),
        *("@", "+", "-", "()", "Ada +49 170 1234567", "ada at example.com"),
    ],
)
def test_a_name_is_no_identifier_and_replaces_a_name(name: str) -> None:
    assert not is_identifier(name)
    assert better_name(name, "Ada Lovelace") == name


@pytest.mark.parametrize(
    "identifier",
    [
        *("@ada:beeper.local", "@whatsapp_lid-12345:beeper.local", "!room:beeper.local", "@a:localhost:8008"),
        *("+49 170 1234567", "+1 (555) 010-1234", "+49.170.1234567", "(030) 123456-7", "07700 900123"),
        *("tel:+442079460958", "mailto:ada@example.com", "0044/20/7946-0958", "06 12 34 56 78"),
        *("imsg##participant:+442079460958", "lid-123456789", "123456789012345678", "@a:localhost"),
        *("447700900123", "\u202a+49 170 1234567\u202c", "ada@example.com", "a.b+c@mail.example.co.uk"),
        *("Ada.Lovelace@Gmail.com", "Ada@Example.UK", "ada@example.technology"),
    ],
)
def test_an_identifier_never_replaces_a_name(identifier: str) -> None:
    assert is_identifier(identifier)
    assert better_name(identifier, "Ada Lovelace") == "Ada Lovelace"
    assert better_name("Ada Lovelace", identifier) == "Ada Lovelace"
    assert better_name(identifier, "+44 20 7946 0958") == identifier
    assert better_name(identifier, None) == identifier


def test_a_name_that_the_network_no_longer_sends_is_kept() -> None:
    assert better_name(None, "Ada Lovelace") == "Ada Lovelace"
    assert better_name(None, None) is None


def person(
    name: str | None, username: str | None = None, *, is_self: bool = False, is_bot: bool = False
) -> Participant:
    return Participant(
        participant_id=f"@{name}{username}",
        full_name=name,
        username=username,
        phone_number=None,
        email=None,
        is_self=is_self,
        is_network_bot=is_bot,
        source_url=None,
        image=None,
    )


ME = person("Alex", is_self=True)
BOT = person("Helper", is_bot=True)
ADA, BOB, EVE, JOE = (person(name) for name in ("Ada", "Bob", "Eve", "Joe"))
UNNAMED = person(None)
NUMBER = person("+49 170 1234567")


def chat(*people: Participant, chat_type: str = "group", title: str | None = None, count: int = 0) -> Chat:
    empty = parse_chat({"id": "!chat"})
    return replace(
        empty, type=chat_type, title=title, participants=people, participant_count=count or len(people)
    )


@pytest.mark.parametrize(
    ("people", "count", "title"),
    [
        ((ME, ADA), 0, "Ada"),
        ((ADA, ME, BOB), 0, "Ada and Bob"),
        ((ME, ADA, BOB, EVE), 0, "Ada, Bob and Eve"),
        ((ME, ADA, BOB, EVE, JOE), 0, "Ada, Bob and 2 others"),
        ((ME, ADA, BOB, EVE, JOE), 6, "Ada, Bob and 3 others"),
        ((ADA, BOB), 3, "Ada and Bob"),
        ((ADA, BOB), 2, "Ada and Bob"),
        ((ADA, BOB), 500, "Ada, Bob and 497 others"),
        ((ME, ADA, BOB, UNNAMED), 0, "Ada, Bob and 1 other"),
        ((ME, UNNAMED, ADA, UNNAMED), 0, "Ada and 2 others"),
        ((ME, NUMBER, ADA, BOB, EVE), 0, "Ada, Bob and 2 others"),
        ((ME, NUMBER, ADA), 0, "Ada and +49 170 1234567"),
        ((ME, person(None, "ada.l"), BOB), 0, "ada.l and Bob"),
        ((ME, BOT, ADA, BOB), 0, "Ada and Bob"),
        ((ME, BOT), 0, "Helper"),
        ((ME, UNNAMED, UNNAMED), 0, None),
        ((ME,), 0, None),
        ((), 0, None),
    ],
)
def test_an_untitled_group_is_named_after_its_members_without_the_owner(
    people: tuple[Participant, ...], count: int, title: str | None
) -> None:
    assert title_of(chat(*people, count=count)) == title
    assert title_of(chat(*people, count=count, title="Engines")) == "Engines"


def test_an_untitled_single_chat_is_named_after_the_other_person() -> None:
    assert title_of(chat(ME, BOT, ADA, chat_type="single")) == "Ada"
    assert title_of(chat(ME, person(None, "ada.l"), chat_type="single")) == "ada.l"
    assert title_of(chat(ME, UNNAMED, chat_type="single")) is None
    assert title_of(chat(ME, ADA, chat_type="single", title="Countess")) == "Countess"


@pytest.mark.parametrize(
    ("listed", "stored", "title"),
    [
        (chat(ME, ADA, chat_type="single", title="Ann @ Work"), "Ada", "Ann @ Work"),
        (chat(ME, ADA, chat_type="single", title="+49 170 1234567"), "Countess", None),
        (chat(ME, ADA, chat_type="single"), "Countess", None),
        (chat(ME, NUMBER, chat_type="single", title="+49 170 1234567"), "Countess", "Countess"),
        (chat(ME, NUMBER, chat_type="single", title="+49 170 1234567"), None, "+49 170 1234567"),
        (chat(ME, UNNAMED, chat_type="single"), "Countess", "Countess"),
        (chat(ME, ADA), "Engines", None),
        (chat(ME, ADA, title=""), "Engines", None),
        (chat(ME, NUMBER), "Engines", "Engines"),
        (chat(ME), "Engines", "Engines"),
        (chat(ME, ADA), None, None),
        (chat(ME, ADA, title="!chat:beeper.local"), "Engines", "Engines"),
        (chat(ME, ADA, title="Bob: the builder"), "Engines", "Bob: the builder"),
    ],
)
def test_a_new_title_is_stored_and_an_identifier_only_if_there_is_no_name(
    listed: Chat, stored: str | None, title: str | None
) -> None:
    assert title_to_store(listed, stored) == title
