"""The demo account's contacts, with pictures for people who have none. Some are in Dex, others by hand.

Their pictures are data: URLs, because the cache refuses to request images from a web server on this machine.
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

_SIDE = 200  # pixels, so that the data: URL has less than 64 KB, which is the cache's limit
_CONTACTS_BY_HAND = 4


def contacts_in_dex(account: Account) -> list[Json]:
    """Returns people with a phone number or an Instagram name, with the fields of Dex's API."""
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
                # People write user names with other capital letters than networks, and the cache must ignore
                # that.
                "instagram": f"@{str(person.username).upper()}" if has_unique_username else None,
                "image_url": _picture_url(account, person),
                "phones": [{"phone": _national_form(person.phone_number)}] if person.phone_number else None,
                "emails": [],
            }
        )
    return contacts


def contacts_by_hand(account: Account) -> Json:
    """Returns bodies for `PUT /api/contacts/{contactId}`, by contactId, for a few people not in Dex."""
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
    """Returns each person with a single chat once, sorted by the ids of the chats."""
    chats = sorted((chat for chat in account.chats if not chat.is_group), key=lambda chat: chat.id)
    yield from {person.id: (person, chat.network) for chat in chats for person in _others_in(chat)}.values()


def _others_in(chat: Chat) -> list[Person]:
    return [person for person in chat.people if not (person.is_self or person.is_network_bot)]


def _people_without_picture(account: Account) -> Iterator[tuple[Person, Network]]:
    return (
        (person, network) for person, network in _people_of_single_chats(account) if person.picture is None
    )


def _national_form(number: str) -> str:
    """Returns a number in the form of an address book: (201) 555-0100 for +12015550100."""
    return f"({number[2:5]}) {number[5:8]}-{number[8:]}"


def _picture_url(account: Account, person: Person) -> str:
    face = Image.open(io.BytesIO(portrait(account.seed, f"contact {person.id}", Finish.JPEG)))
    encoded = io.BytesIO()
    face.resize((_SIDE, _SIDE)).save(encoded, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.getvalue()).decode()}"
