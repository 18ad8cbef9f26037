"""A chat's roster as one run of sync knows it, and whether a chat differs from what is stored of it.

Beeper's list leaves out most members of a large group. Its full roster costs a request of its own, so it is
fetched only if the chat has changed, and in complete runs.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from imagecache.model.chat import Chat, Participant
from imagecache.stores.chats.chats import StoredChat
from imagecache.stores.chats.participants import chat_row


@dataclass(frozen=True, slots=True)
class Listed:
    """The roster is as listed: the list has all members, or nothing suggests that the roster has changed."""

    chat: Chat


@dataclass(frozen=True, slots=True)
class Fetched:
    """The roster was fetched by the chat's id. It is still partial if the server gives no more members."""

    chat: Chat


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The roster is as listed, because Beeper answered the request for the chat with an error."""

    chat: Chat


Roster = Listed | Fetched | Unavailable


@dataclass(frozen=True, slots=True)
class ListedChat:
    """A chat of Beeper's list, its fingerprint, and what is stored of it (None for a new chat)."""

    chat: Chat
    fingerprint: str
    stored: StoredChat | None

    def needs_full_roster(self, *, complete: bool) -> bool:
        """Returns True if the roster must be fetched. `complete` is True if the run reads the whole list."""
        return self.chat.roster_is_partial and (complete or not self._is_stored_with_roster)

    @property
    def unavailable_since(self) -> int:
        """The moment (ms) when the chat was stored as it is listed, without its roster. 0 if it was not."""
        return self.stored.roster_unavailable_since if self.stored and self._is_stored_as_listed else 0

    def has_changed(self, roster: Roster) -> bool:
        """Returns True if the chat with this roster differs from what is stored."""
        match roster:
            case Listed():
                return not self._is_stored_with_roster
            case Fetched(chat):
                return not self._is_stored_with_roster or not self._has_stored_roster(chat)
            case Unavailable():
                return not self.unavailable_since

    def _has_stored_roster(self, chat: Chat) -> bool:
        return self.stored is not None and self.stored.roster_fingerprint == roster_fingerprint(chat)

    @property
    def _is_stored_with_roster(self) -> bool:
        return self._is_stored_as_listed and not self.unavailable_since

    @property
    def _is_stored_as_listed(self) -> bool:
        return (
            self.stored is not None
            and not self.stored.missing_since
            and self.stored.list_fingerprint == self.fingerprint
        )


def listed_chat(chat: Chat, stored: StoredChat | None) -> ListedChat:
    """Returns the chat with the fingerprint of everything that the list says about it."""
    return ListedChat(chat, _hash(asdict(chat)), stored)


def roster_fingerprint(chat: Chat) -> str:
    """Returns a hash over everything that is stored of the chat's members and of its own picture."""
    return _hash([chat.roster_is_partial, *(asdict(row) for row in roster_rows(chat))])


def roster_rows(chat: Chat) -> list[Participant]:
    """Returns the rows of this chat in chatParticipants: its own picture, if any, and its members."""
    own_picture = chat_row(chat)
    return [*([own_picture] if own_picture else []), *chat.participants]


def _hash(fields: Any) -> str:
    """Hashes every field, pictures included: a new avatar alone is a change."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
