"""The made-up person's contacts: faces for people who show none in their chats, in Dex or kept by hand.

Pictures are data URLs: a page on the web could not be fetched from, and Beeper knows nothing of these.
"""

import base64
import io
from collections import Counter
from collections.abc import Iterator

from PIL import Image

from demo.account import Account
from demo.chats import Chat, Json, Network, Person
from demo.people import INSTAGRAM
from demo.portraits import Finish, portrait

_SIDE = 200
_BY_HAND = 4


def in_dex(account: Account) -> list[Json]:
    """Those who can be found by a number or an Instagram name, as Dex says them."""
    names = Counter(person.username for person, network in _others(account) if network is INSTAGRAM)
    people: list[Json] = []
    for number, (person, network) in enumerate(_without_picture(account)):
        is_named = network is INSTAGRAM and names[person.username] == 1
        if person.phone_number or is_named:
            first, _, last = (person.full_name or "Somebody").partition(" ")
            people.append(
                {
                    "id": f"made-up-{number}",
                    "first_name": first,
                    "last_name": last or None,
                    "instagram": f"@{str(person.username).upper()}" if is_named else None,
                    "image_url": _picture(account, person),
                    "phones": [{"phone": _written(person.phone_number)}] if person.phone_number else None,
                    "emails": [],
                }
            )
    return people


def by_hand(account: Account) -> Json:
    """Some of the others, by contactId, as `PUT /api/contacts/{contactId}` takes them."""
    people = [
        one for one, network in _without_picture(account) if not one.phone_number and network is not INSTAGRAM
    ]
    return {
        f"by-hand-{number}": {
            "fullName": person.full_name,
            "imageUrl": _picture(account, person),
            "participantIds": [person.id],
        }
        for number, person in enumerate(people[:_BY_HAND])
    }


def _others(account: Account) -> Iterator[tuple[Person, Network]]:
    """Everybody with a chat of their own, once, by the age of their chats."""
    chats = sorted((chat for chat in account.chats if not chat.is_group), key=lambda chat: chat.id)
    yield from {person.id: (person, chat.network) for chat in chats for person in _other(chat)}.values()


def _other(chat: Chat) -> list[Person]:
    return [person for person in chat.people if not (person.is_self or person.is_network_bot)]


def _without_picture(account: Account) -> Iterator[tuple[Person, Network]]:
    return ((person, network) for person, network in _others(account) if person.picture is None)


def _written(number: str) -> str:
    """As people write it, where they live: +12015550100 is (201) 555-0100."""
    return f"({number[2:5]}) {number[5:8]}-{number[8:]}"


def _picture(account: Account, person: Person) -> str:
    """Less than 64 KB, which is where data URLs end."""
    face = Image.open(io.BytesIO(portrait(account.seed, f"contact {person.id}", Finish.JPEG)))
    out = io.BytesIO()
    face.resize((_SIDE, _SIDE)).save(out, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
