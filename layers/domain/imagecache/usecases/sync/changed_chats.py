"""Compares the chats that Beeper lists with the stored ones, by fingerprints."""

import hashlib
import json
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from imagecache.model.chat import Chat
from imagecache.stores.chats.chats import StoredChat
from imagecache.stores.chats.participants import roster_rows


@dataclass(frozen=True, slots=True)
class Listed:
    """The roster is that of the list: either the list has all members, or the chat has not changed."""

    chat: Chat


@dataclass(frozen=True, slots=True)
class Fetched:
    """The roster was fetched with a separate request. It may still be partial."""

    chat: Chat


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The roster is that of the list, because the full one could not be requested or read."""

    chat: Chat


Roster = Listed | Fetched | Unavailable


@dataclass(frozen=True, slots=True)
class ListedChat:
    """A chat of Beeper's list, its fingerprint, and the stored chat (None if the chat is new)."""

    chat: Chat
    fingerprint: str
    stored: StoredChat | None

    def needs_full_roster(self, *, complete: bool) -> bool:
        """Returns True if the roster must be fetched. `complete` is True if the run reads the whole list."""
        return self.chat.roster_is_partial and (complete or not self.is_stored_with_roster)

    @property
    def unavailable_since(self) -> int:
        """The moment (ms) since which the chat is stored as listed without its full roster, or else 0."""
        return self.stored.roster_unavailable_since if self.stored and self._is_stored_as_listed else 0

    def has_changed(self, roster: Roster) -> bool:
        """Returns True if the chat with this roster differs from what is stored."""
        match roster:
            case Listed():
                return not self.is_stored_with_roster
            case Fetched(chat):
                return not self.is_stored_with_roster or not self.has_stored_roster(chat)
            case Unavailable():
                return not self.unavailable_since

    def has_stored_roster(self, chat: Chat) -> bool:
        """Returns True if the rosters of this chat and of the stored one have the same fingerprint."""
        return self.stored is not None and self.stored.roster_fingerprint == roster_fingerprint(chat)

    @property
    def is_stored_with_roster(self) -> bool:
        """True if the chat is stored as it is listed now, with its full roster."""
        return self._is_stored_as_listed and not self.unavailable_since

    @property
    def _is_stored_as_listed(self) -> bool:
        return (
            self.stored is not None
            and not self.stored.missing_since
            and self.stored.merged_into == self.chat.merged_into
            and self.stored.list_fingerprint == self.fingerprint
        )


@dataclass(frozen=True, slots=True)
class ChangedChat:
    """A listed chat that differs from the stored one, and its roster."""

    listed: ListedChat
    roster: Roster

    @property
    def chat(self) -> Chat:
        """The chat with the roster."""
        return self.roster.chat

    @property
    def is_union(self) -> bool:
        """True if the chat is, or was when it was stored, a union."""
        stored = self.listed.stored
        return bool(self.chat.merged_chat_ids or (stored and stored.merged_chat_ids))

    @property
    def has_stored_roster(self) -> bool:
        """True if exactly this roster is stored, as far as a roster that is not partial can be compared."""
        return not self.chat.roster_is_partial and self.listed.has_stored_roster(self.chat)


def listed_chat(chat: Chat, stored: StoredChat | None) -> ListedChat:
    """Returns the chat with its fingerprint."""
    return ListedChat(chat, list_fingerprint(chat), stored)


def list_fingerprint(chat: Chat) -> str:
    """Returns a hash of all fields that the list has of the chat."""
    return _hash(chat)


def roster_fingerprint(chat: Chat) -> str:
    """Returns a hash of the chat's rows in chatParticipants, and of whether the roster is partial."""
    return _hash([chat.roster_is_partial, *roster_rows(chat)])


def _hash(value: Any) -> str:
    """Returns a hash of every field, including pictures, so that a new avatar alone counts as a change."""
    return hashlib.sha256(json.dumps(value, default=_fields).encode()).hexdigest()


def _fields(value: Any) -> dict[str, Any]:
    """Returns the fields of a dataclass, in the order of their names.

    `asdict` returns the same fields, but first copies all that is in them.
    """
    kind: Any = type(value)
    return {name: getattr(value, name) for name in _names_of(kind)}


@cache
def _names_of(kind: Any) -> list[str]:
    """Returns the names of the fields of a dataclass, sorted."""
    return sorted(field.name for field in fields(kind))
