"""Chats and people for small demo accounts."""

from datetime import timedelta

from demo.account import DEFAULT_NOW
from demo.chats import Chat, Network, Person
from demo.media import Media, Picture
from demo.service import DemoAccount

ME = Person("@me:beeper.local", full_name="Me", is_self=True)
NETWORK = Network("WhatsApp", "whatsapp")


def person(number: int) -> Person:
    """Returns a person with a picture of their own."""
    picture = Picture.remote(Media("local.beeper.com", f"alex_{number}"))
    return Person(f"@{number}:beeper.local", full_name=f"Person {number}", picture=picture)


def chat_with(number: int, *people: Person) -> Chat:
    """Returns a chat of the owner with these people. Each number is a day older than the one before."""
    return Chat(
        id=f"!{number}:beeper.local",
        local_id=str(number),
        network=NETWORK,
        title=f"Chat {number}",
        is_group=len(people) > 1,
        people=(ME, *people),
        last_activity=DEFAULT_NOW - timedelta(days=number),
        last_message="hello",
    )


def fill(demo: DemoAccount, chats: list[Chat]) -> None:
    """Gives the account these chats and no others."""
    demo.account.remove_all_chats()
    for chat in chats:
        demo.account.add_chat(chat)
