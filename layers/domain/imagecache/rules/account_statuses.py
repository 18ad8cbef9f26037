"""The meaning of each status of an account, in one table: its text for people, and what they can do."""

from collections.abc import Mapping
from dataclasses import dataclass

from imagecache.model.account import AccountStatus


@dataclass(frozen=True, slots=True)
class StatusMeaning:
    """The meaning of a status.

    `text` completes "WhatsApp: ...". `advice` is a sentence of its own, or empty if there is nothing to do.
    `needs_person` is True if the account does not work again before a person does something.
    """

    text: str
    advice: str = ""
    needs_person: bool = False


_SETTINGS = "Open Beeper's settings, choose this account, and"

ACCOUNT_STATUSES: Mapping[AccountStatus, StatusMeaning] = {
    AccountStatus.CONNECTED: StatusMeaning("connected"),
    AccountStatus.CONNECTING: StatusMeaning("connecting"),
    AccountStatus.BACKFILLING: StatusMeaning("connected, and loading older messages"),
    AccountStatus.CONNECTION_REQUIRED: StatusMeaning(
        "finish logging in", f"{_SETTINGS} complete its log-in.", needs_person=True
    ),
    AccountStatus.RECONNECT_REQUIRED: StatusMeaning(
        "log in again",
        f"{_SETTINGS} log in again: until then its chats stay as they are, and its pictures cannot be"
        " fetched.",
        needs_person=True,
    ),
    AccountStatus.ATTENTION_REQUIRED: StatusMeaning(
        "needs your attention", f"{_SETTINGS} follow what it asks for.", needs_person=True
    ),
    AccountStatus.DISCONNECTED: StatusMeaning(
        "disconnected",
        "Check that the phone or the app of this network is online. If that does not help, log in again in"
        " Beeper's settings.",
        needs_person=True,
    ),
    AccountStatus.DISABLED: StatusMeaning(
        "switched off in Beeper", "Switch it on in Beeper's settings if its chats should be current."
    ),
    AccountStatus.UNKNOWN: StatusMeaning("status not known"),
}
