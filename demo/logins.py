"""The owner's accounts on the networks, as `/v1/accounts` shows them, and the contacts of each of them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import StrEnum

from demo.chats import Chat, Json, Network, Person
from demo.gallery import HOME_SERVER
from demo.media import Media, Picture
from demo.people import BEEPER, NETWORKS, invent_person, invent_self

# One owner reported 900 contacts. Together with the people of the chats, there are about as many.
PEOPLE_WITHOUT_CHAT = 740
# Higher than the numbers of all people with a chat, so that no person is invented twice.
FIRST_PERSON_WITHOUT_CHAT = 20_000


class LoginStatus(StrEnum):
    """The states of an account in Beeper."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    BACKFILLING = "backfilling"
    CONNECTION_REQUIRED = "connection_required"
    RECONNECT_REQUIRED = "reconnect_required"
    ATTENTION_REQUIRED = "attention_required"
    DISCONNECTED = "disconnected"
    DISABLED = "disabled"


STATUS_TEXTS = {
    LoginStatus.CONNECTED: "Connected",
    LoginStatus.CONNECTING: "Connecting…",
    LoginStatus.BACKFILLING: "Loading older messages",
    LoginStatus.CONNECTION_REQUIRED: "Connect this account",
    LoginStatus.RECONNECT_REQUIRED: "Log in again",
    LoginStatus.ATTENTION_REQUIRED: "Needs your attention",
    LoginStatus.DISCONNECTED: "Disconnected",
    LoginStatus.DISABLED: "Switched off",
}


class Logins:
    """The accounts and their contacts. All accounts are connected until a test sets another status.

    The contacts of an account are the people of its chats, and others who have no chat. Every third person
    without a picture in the chats has one as a contact. `scale` is the size of the address books relative to
    those of a real account.
    """

    def __init__(self, chats: Iterable[Chat], scale: float) -> None:
        self._networks = {network.account_id: network for network in (BEEPER, *NETWORKS) if network.is_listed}
        self._statuses = dict.fromkeys(self._networks, LoginStatus.CONNECTED)
        self._added: dict[str, dict[str, Person]] = {account_id: {} for account_id in self._networks}
        people = [person for chat in chats for person in _others_in(chat)]
        without_picture = sorted({person.id for person in people if person.picture is None})
        self._pictures = {
            person_id: Picture.remote(Media(HOME_SERVER, f"alex_contact{number:064}"))
            for number, person_id in enumerate(without_picture)
            if number % 3 == 0
        }
        for number in range(round(PEOPLE_WITHOUT_CHAT * scale)):
            network = NETWORKS[number % len(NETWORKS)]
            if network.is_listed:
                person = _person_without_chat(FIRST_PERSON_WITHOUT_CHAT + number, network)
                self._added[network.account_id][person.id] = person

    def set_status(self, account_id: str, status: str) -> None:
        """Changes the status of an account. Raises KeyError or ValueError if one of them is unknown."""
        network = self._networks[account_id]
        self._statuses = {**self._statuses, network.account_id: LoginStatus(status)}

    def set_contact(self, account_id: str, person: Person) -> None:
        """Adds a contact, or replaces the one with the same id. Raises KeyError if the account is unknown."""
        self._added = {**self._added, account_id: {**self._added[account_id], person.id: person}}

    def remove_contact(self, account_id: str, person_id: str) -> None:
        """Removes a contact who has no chat. Raises KeyError if there is none with this id."""
        remaining = dict(self._added[account_id])
        del remaining[person_id]
        self._added = {**self._added, account_id: remaining}

    def contacts(self, account_id: str, chats: Iterable[Chat]) -> list[Person] | None:
        """Returns an account's contacts, sorted by id, or None if there is no such account.

        `chats` are all chats of the owner.
        """
        if account_id not in self._networks:
            return None
        of_chats = {
            person.id: replace(person, picture=person.picture or self._pictures.get(person.id))
            for chat in chats
            if chat.network.account_id == account_id and not chat.merge
            for person in _others_in(chat)
        }
        contacts = of_chats | self._added[account_id]
        return sorted(contacts.values(), key=lambda person: person.id)

    def as_json(self, chats: Iterable[Chat], *, is_old: bool) -> list[Json]:
        """Returns the answer of `/v1/accounts`. `is_old` leaves out the fields that older servers lack."""
        owners = {
            chat.network.account_id: person
            for chat in chats
            if not chat.merge
            for person in chat.people
            if person.is_self
        }
        return [
            {
                "accountID": account_id,
                "network": network.name,
                "user": owners.get(account_id, invent_self(network, None)).as_user_json(),
                **({} if is_old else self._new_fields(network)),
            }
            for account_id, network in sorted(self._networks.items())
        ]

    def _new_fields(self, network: Network) -> Json:
        status = self._statuses[network.account_id]
        bridge_id, is_local, _ = network.account_id.partition("_ba_")
        return {
            "status": status.value,
            "statusText": STATUS_TEXTS[status],
            "bridge": {
                "id": bridge_id,
                "provider": "local" if is_local else "cloud",
                "type": bridge_id.removeprefix("local-"),
            },
            "loginID": f"login-of-{bridge_id}",
            "capabilities": {"contacts": {"list": True}},
        }

    def media(self) -> Iterator[Media]:
        """Yields the media of the contacts' pictures that are in no chat."""
        people = (person for contacts in self._added.values() for person in contacts.values())
        pictures = (*self._pictures.values(), *(person.picture for person in people))
        return (picture.media for picture in pictures if picture and picture.media)


def _person_without_chat(number: int, network: Network) -> Person:
    """Returns a contact without a chat. Two of three have a picture, and some cannot be written to."""
    media = Media(HOME_SERVER, f"alex_contact{number:064}")
    picture = Picture.remote(media) if number // len(NETWORKS) % 3 else None
    return replace(invent_person(number, network, picture), cannot_message=number % 10 == 0)


def _others_in(chat: Chat) -> list[Person]:
    return [person for person in chat.people if not (person.is_self or person.is_network_bot)]
