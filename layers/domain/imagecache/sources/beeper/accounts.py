"""Requests the owner's accounts and their contacts from Beeper's client API, and parses the JSON.

Servers differ as they do for chats. Old ones send no status of an account, and have no list of contacts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from imagecache.errors import AnswerTooLargeError, ListingError
from imagecache.model.account import Account, AccountStatus
from imagecache.model.chat import Participant
from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.beeper.chats import ChatApi, Parameters, items_of_page, parse_participant, text_of

_MOST_ACCOUNTS = 200
_MOST_TEXT_CHARS = 200
# DynamoDB's limit for a sort key. An account id is no key, but it must fit into a row with all the others.
_MOST_ID_BYTES = 1024
_STATUSES = {status.value: status for status in AccountStatus}
_CONTACTS_PER_PAGE = 200
# 20,000 contacts. The largest list that was reported has 900.
_MOST_PAGES = 100
# The URLs of all pictures of an account's contacts. They are kept in memory until the list is complete.
_MOST_URL_CHARS = 16_000_000


@dataclass(slots=True)
class ContactReading:
    """The contacts of one account, by their participant id.

    `complete` tells whether the list was read to its end. `unreadable` counts entries without a usable id.
    """

    contacts: dict[str, Participant] = field(default_factory=dict)
    unreadable: int = 0
    complete: bool = False


@dataclass(frozen=True, slots=True)
class AccountApi:
    """`GET /v1/accounts` and `GET /v1/accounts/{id}/contacts/list` of the Beeper that `chat_api` asks.

    Every method raises OriginDownError if Beeper cannot be reached, and ListingError if its answer cannot be
    read.
    """

    chat_api: ChatApi

    def accounts(self) -> list[Account]:
        """Returns the owner's accounts. Some that have chats, such as iMessage's, may be missing."""
        status, answer = self._get("/v1/accounts", {})
        if status != HTTPStatus.OK:
            raise ListingError(f"status {status}")
        return parse_accounts(answer)

    def contacts(self, account_id: str, *, budget: TimeBudget) -> ContactReading | None:
        """Returns the contacts of an account, or as many as there was time for.

        Returns None if there is no such list, because Beeper or the account's network does not have one.
        """
        reading = ContactReading()
        cursor: str | None = None
        url_chars = 0
        for _ in range(_MOST_PAGES):
            if budget.is_used_up():
                return reading
            page = self._contacts_page(account_id, cursor)
            if page is None:
                return None
            items, cursor = page
            people = [_person(item) for item in items]
            new = {person.participant_id: person for person in people if person}
            if cursor and not new.keys() - reading.contacts.keys():
                raise ListingError("the list of contacts does not end: a page has no new ones")
            url_chars += sum(len(person.source_url or "") for person in new.values())
            if url_chars > _MOST_URL_CHARS:
                raise ListingError(
                    f"the pictures' URLs have more than {_MOST_URL_CHARS:,} characters together"
                )
            reading.unreadable += people.count(None)
            reading.contacts |= new
            if cursor is None:
                reading.complete = True
                return reading
        raise ListingError(f"there are more than {_MOST_PAGES} pages of contacts")

    def _contacts_page(self, account_id: str, cursor: str | None) -> tuple[list[Any], str | None] | None:
        """Returns the items of a page and the next cursor, or None if this account has no list."""
        older: Parameters = {} if cursor is None else {"cursor": cursor, "direction": "before"}
        path = f"/v1/accounts/{quote(account_id, safe='')}/contacts/list"
        status, answer = self._get(path, {"limit": _CONTACTS_PER_PAGE, **older})
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}:
            return None
        if status != HTTPStatus.OK or not isinstance(answer, Mapping):
            raise ListingError(f"status {status}")
        return items_of_page(answer)

    def _get(self, path: str, parameters: Parameters) -> tuple[int, Any]:
        try:
            return self.chat_api.get(path, parameters)
        except AnswerTooLargeError as error:
            raise ListingError(str(error)) from error


def parse_accounts(answer: object) -> list[Account]:
    """Parses the list of accounts. Raises ListingError if the answer is not one."""
    if not isinstance(answer, list):
        raise ListingError("the answer is not a list of accounts")
    accounts = [account for account in map(_account, answer) if account]
    if answer and not accounts:
        raise ListingError("the list has no account that can be read")
    if len(accounts) > _MOST_ACCOUNTS:
        raise ListingError(f"there are more than {_MOST_ACCOUNTS} accounts")
    return accounts


def _account(item: object) -> Account | None:
    """Returns the account, or None if it has no id that can be used."""
    if not isinstance(item, Mapping):
        return None
    account_id = item.get("accountID")
    if not isinstance(account_id, str) or not 0 < len(account_id.encode(errors="replace")) <= _MOST_ID_BYTES:
        return None
    return Account(
        account_id=account_id.encode(errors="replace").decode(),
        network=text_of(item, "network", max_chars=_MOST_TEXT_CHARS),
        status=_STATUSES.get(str(item.get("status")), AccountStatus.UNKNOWN),
        status_text=text_of(item, "statusText", max_chars=_MOST_TEXT_CHARS),
    )


def _person(item: object) -> Participant | None:
    """Returns the contact as the participant that they are in chats, or None if they have no usable id."""
    person = parse_participant(item) if isinstance(item, Mapping) else None
    return person if person and person.participant_id else None
