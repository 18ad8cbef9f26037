"""The demo account's contacts: pictures for people without one, some in Dex and some kept by hand.

The pictures are data: URLs. The cache refuses to fetch from a web server on this machine, and a contact's
picture is not one of Beeper's media.
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

_SIDE = 200  # pixels; the data: URL must stay below 64 KB, the longest one that the cache accepts
_CONTACTS_BY_HAND = 4


def contacts_in_dex(account: Account) -> list[Json]:
    """Returns the people who can be found by a phone number or an Instagram name, in Dex's own fields."""
    username_counts = Counter(
        person.username for person, network in _people_of_single_chats(account) if network is INSTAGRAM
    )
    contacts: list[Json] = []
    for number, (person, network) in enumerate(_people_without_picture(account)):
        has_unique_username = network is INSTAGRAM and username_counts[person.username] == 1
        if not (person.phone_number or has_unique_username):
            continue
        first_name, _, last_name = (person.full_name or "Unnamed").partition(" ")
        contacts.append(
            {
                "id": f"made-up-{number}",
                "first_name": first_name,
                "last_name": last_name or None,
                # The cache must find the person although people write names in other letters than networks.
                "instagram": f"@{str(person.username).upper()}" if has_unique_username else None,
                "image_url": _picture_url(account, person),
                "phones": [{"phone": _national_form(person.phone_number)}] if person.phone_number else None,
                "emails": [],
            }
        )
    return contacts


def contacts_by_hand(account: Account) -> Json:
    """Maps contactId to the body for `PUT /api/contacts/{contactId}`, for a few people who are not in Dex."""
    people = [
        person
        for person, network in _people_without_picture(account)
        if not person.phone_number and network is not INSTAGRAM
    ]
    return {
        f"by-hand-{number}": {
            "fullName": person.full_name,
            "imageUrl": _picture_url(account, person),
            "participantIds": [person.id],
        }
        for number, person in enumerate(people[:_CONTACTS_BY_HAND])
    }


def _people_of_single_chats(account: Account) -> Iterator[tuple[Person, Network]]:
    """Returns everybody who has a single chat, once, sorted by the ids of their chats."""
    chats = sorted((chat for chat in account.chats if not chat.is_group), key=lambda chat: chat.id)
    yield from {person.id: (person, chat.network) for chat in chats for person in _others_in(chat)}.values()


def _others_in(chat: Chat) -> list[Person]:
    return [person for person in chat.people if not (person.is_self or person.is_network_bot)]


def _people_without_picture(account: Account) -> Iterator[tuple[Person, Network]]:
    return (
        (person, network) for person, network in _people_of_single_chats(account) if person.picture is None
    )


def _national_form(number: str) -> str:
    """Returns +12015550100 as (201) 555-0100, which is how an address book has it."""
    return f"({number[2:5]}) {number[5:8]}-{number[8:]}"


def _picture_url(account: Account, person: Person) -> str:
    face = Image.open(io.BytesIO(portrait(account.seed, f"contact {person.id}", Finish.JPEG)))
    encoded = io.BytesIO()
    face.resize((_SIDE, _SIDE)).save(encoded, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.getvalue()).decode()}"
