"""Reads the owner's accounts, and once a day the contacts that Beeper itself has on each of them.

This is the last step of a run, after its chats are stored. No answer of Beeper to these requests fails the
run: what cannot be read is left as it was.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

from imagecache.clock import Clock
from imagecache.errors import ListingError, OriginDownError
from imagecache.model.account import Account, AccountSince, AccountStatus
from imagecache.model.chat import Participant, network_name
from imagecache.model.contact import Contact, IdentifierKind, KeptBy
from imagecache.rules.account_statuses import ACCOUNT_STATUSES
from imagecache.rules.identifiers import identifiers_of
from imagecache.rules.names import is_identifier
from imagecache.rules.people import ids_of_contact
from imagecache.rules.source_urls import storable_url
from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.beeper.accounts import AccountApi, ContactReading
from imagecache.stores.state.accounts import AccountsStore
from imagecache.usecases.contacts.store_imported import ImportedContacts, ImportSource, differences
from imagecache.usecases.sync.sync_run import SyncRun

CONTACT_ATTEMPTS = 3
"""The runs that try to read the contacts: a complete run, and the next two if it could not."""

# A request may last 35 s, and the run has to end in order after it.
_RESERVE_MS = 60_000
# An account that is not fully connected may list a part of its contacts. Old servers send no status.
_STATUSES_WITH_WHOLE_LISTS = {AccountStatus.CONNECTED, AccountStatus.UNKNOWN}
# The identifiers that Beeper's contacts are found by. A WhatsApp number is a phone number as well.
_IDENTIFIER_KINDS = {IdentifierKind.PARTICIPANT, IdentifierKind.PHONE, IdentifierKind.EMAIL}


@dataclass(frozen=True, slots=True)
class ListedAccounts:
    """The owner's accounts, in the order of their ids, and a hash of them.

    `accounts` is None, and the hash that of the recorded accounts, if Beeper's answer could not be read.
    """

    accounts: list[Account] | None
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSync:
    """Reads the accounts, and records them if they have changed."""

    accounts_store: AccountsStore
    clock: Clock

    def run(self, run: SyncRun, *, recorded_hash: str) -> ListedAccounts:
        """Returns the accounts as Beeper lists them now.

        `recorded_hash` is the hash of the recorded accounts. Raises FencedOffError.
        """
        if _budget(run).is_used_up():
            return ListedAccounts(None, recorded_hash)
        try:
            by_id = {account.account_id: account for account in AccountApi(run.chat_api).accounts()}
        except (ListingError, OriginDownError):
            return ListedAccounts(None, recorded_hash)
        accounts = [account for _, account in sorted(by_id.items())]
        listed = ListedAccounts(accounts, _hash(json.dumps([asdict(account) for account in accounts])))
        if listed.hash != recorded_hash:
            self.accounts_store.record(self._since(accounts), fence=run.fence)
        return listed

    def _since(self, accounts: list[Account]) -> Iterator[AccountSince]:
        """Yields each account with the time since which it has its status: now, if the status has changed."""
        since = {
            (each.account.account_id, each.account.status): each.since for each in self.accounts_store.read()
        }
        now = self.clock()
        for account in accounts:
            yield AccountSince(account, since.get((account.account_id, account.status), now))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSync:
    """Copies Beeper's contacts to the contacts table.

    `region` is the country of phone numbers without a country code.
    """

    imported_contacts: ImportedContacts
    region: str

    def run(
        self, listed: ListedAccounts, run: SyncRun, *, force: bool, before_writing: Callable[[], None]
    ) -> bool:
        """Stores the contacts of every account that Beeper can read, and counts them in the run's report.

        Contacts of an account that waits for a person, or that Beeper no longer lists, are left as they are.
        No contact is removed while an account is not connected, or if its list is empty: Beeper may have lost
        the list. `force` removes them all the same, and switches the brake on deletions off.
        `before_writing` is called before contacts of an account are written. Returns False if something could
        not be read or stored.
        """
        if listed.accounts is None:
            return False
        api = AccountApi(run.chat_api)
        budget = _budget(run)
        counts = run.report.contacts
        stored: dict[str, Contact] | None = None
        is_done = True
        for account in listed.accounts:
            if ACCOUNT_STATUSES[account.status].needs_person:
                continue
            try:
                reading = api.contacts(account.account_id, budget=budget)
            except ListingError:  # It may concern this account alone.
                is_done = False
                continue
            except OriginDownError:
                return False
            if reading is None:
                continue
            if not reading.complete:
                return False
            lists_everybody = account.status in _STATUSES_WITH_WHOLE_LISTS and bool(reading.contacts)
            stored = self.imported_contacts.all_by_id() if stored is None else stored
            source = _source_of(account)
            changes = differences(
                self._contacts(reading, source),
                stored,
                source=source,
                counts=counts,
                # An entry without an id may be any of the stored contacts.
                may_remove=not reading.unreadable and (lists_everybody or force),
                force=force,
                ids_of=partial(
                    ids_of_contact,
                    network=network_name(account.network, account.account_id),
                    region=self.region,
                ),
            )
            if changes:
                before_writing()
            if not self.imported_contacts.write(changes, stored, counts=counts, budget=budget):
                return False
        return is_done

    def _contacts(self, reading: ContactReading, source: ImportSource) -> list[Contact]:
        contacts = (self._contact(person, source) for person in reading.contacts.values())
        return [contact for contact in contacts if contact]

    def _contact(self, person: Participant, source: ImportSource) -> Contact | None:
        """Returns the contact, or None if it has neither a picture nor a name to offer."""
        has_picture = person.image_source is not None
        name = None if person.full_name is None or is_identifier(person.full_name) else person.full_name
        if person.is_self or person.is_network_bot or not (has_picture or name):
            return None
        identifiers = identifiers_of(person, network="", region=self.region)
        return Contact(
            contact_id=source.id_prefix + _hash(person.participant_id)[:24],
            full_name=name,
            source_url=storable_url(person.source_url) if has_picture and person.source_url else None,
            image=person.image if has_picture else None,
            identifiers=tuple(sorted(each for each in identifiers if each.kind in _IDENTIFIER_KINDS)),
            kept_by=KeptBy.BEEPER,
            username=person.username,
        )


def _source_of(account: Account) -> ImportSource:
    """Returns the source of the contacts of one account.

    Their ids have hashes, because an id of Beeper may be longer than a contact id, and have other characters.
    """
    return ImportSource(KeptBy.BEEPER, id_prefix=f"beeper:{_hash(account.account_id)[:8]}:")


def _budget(run: SyncRun) -> TimeBudget:
    return TimeBudget(run.time_budget.remaining_ms, reserve_ms=_RESERVE_MS)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
