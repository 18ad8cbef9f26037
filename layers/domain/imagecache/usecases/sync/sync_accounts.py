"""Reads the owner's accounts, and once a day the contacts that Beeper itself has on each of them.

This is the last step of a run, after its chats are stored. No answer of Beeper to these requests fails the
run: what cannot be read is left as it was.
"""

import hashlib
from dataclasses import dataclass, replace

from imagecache.clock import Clock
from imagecache.errors import ListingError, OriginDownError
from imagecache.model.account import Account, AccountSince
from imagecache.model.chat import Participant
from imagecache.model.contact import Contact, IdentifierKind, KeptBy
from imagecache.rules.account_statuses import ACCOUNT_STATUSES
from imagecache.rules.identifiers import identifiers_of
from imagecache.rules.names import is_raw
from imagecache.rules.source_urls import storable_url
from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.beeper.accounts import AccountApi, ContactReading
from imagecache.stores.state.accounts import AccountsState, AccountsStore
from imagecache.usecases.contacts.store_imported import ImportedContacts, ImportSource
from imagecache.usecases.sync.sync_run import SyncRun

# A request may last 35 s, and the run has to end in order after it.
_RESERVE_MS = 60_000
# The runs that try to read the contacts: the complete run, and the next two if it could not.
_CONTACT_ATTEMPTS = 3
# The identifiers that Beeper's contacts are found by. A WhatsApp number is a phone number as well.
_IDENTIFIER_KINDS = {IdentifierKind.PARTICIPANT, IdentifierKind.PHONE, IdentifierKind.EMAIL}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSync:
    """Copies Beeper's contacts to the contacts table.

    `region` is the country of phone numbers without a country code.
    """

    imported_contacts: ImportedContacts
    region: str

    def run(
        self,
        api: AccountApi,
        accounts: tuple[AccountSince, ...],
        *,
        run: SyncRun,
        budget: TimeBudget,
        force: bool,
    ) -> bool:
        """Stores the contacts of every account that is connected, and counts them in the run's report.

        Contacts of an account that waits for a person, or that Beeper no longer lists, are left as they are.
        `force` switches the brake on deletions off. Returns False if something could not be read or stored.
        """
        stored: dict[str, Contact] | None = None
        is_done = True
        for account in (each.account for each in accounts):
            if ACCOUNT_STATUSES[account.status].needs_person:
                continue
            try:
                reading = api.contacts(account.account_id, budget=budget)
            except ListingError:
                is_done = False
                continue
            except OriginDownError:
                return False
            if reading is None:
                continue
            if not reading.complete:
                return False
            stored = self.imported_contacts.all_by_id() if stored is None else stored
            source = _source_of(account)
            is_stored = self.imported_contacts.store(
                self._contacts(reading, source),
                stored,
                source=source,
                counts=run.report.contacts,
                budget=budget,
                # An entry without an id may be any of the stored contacts.
                may_remove=not reading.unreadable,
                force=force,
            )
            if not is_stored:
                return False
        return is_done

    def _contacts(self, reading: ContactReading, source: ImportSource) -> list[Contact]:
        contacts = (self._contact(person, source) for person in reading.contacts.values())
        return [contact for contact in contacts if contact]

    def _contact(self, person: Participant, source: ImportSource) -> Contact | None:
        """Returns the contact, or None if it has neither a picture nor a name to offer."""
        has_picture = person.image_source is not None
        name = None if person.full_name is None or is_raw(person.full_name) else person.full_name
        if person.is_self or person.is_network_bot or not (has_picture or name):
            return None
        identifiers = identifiers_of(person, network="", region=self.region)
        return Contact(
            contact_id=source.id_prefix + _short_hash(person.participant_id, 24),
            full_name=name,
            source_url=storable_url(person.source_url) if has_picture and person.source_url else None,
            image=person.image if has_picture else None,
            identifiers=tuple(sorted(each for each in identifiers if each.kind in _IDENTIFIER_KINDS)),
            kept_by=KeptBy.BEEPER,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSync:
    """Records the accounts, and has their contacts read after a complete run."""

    accounts_store: AccountsStore
    contact_sync: ContactSync
    clock: Clock

    def run(self, run: SyncRun, *, force: bool) -> None:
        """Reads what there is time for, and writes only what has changed. Raises FencedOffError."""
        before = self.accounts_store.read()
        attempts = _CONTACT_ATTEMPTS if run.complete else before.contact_attempts
        state = replace(before, contact_attempts=attempts)
        budget = TimeBudget(run.time_budget.remaining_ms, reserve_ms=_RESERVE_MS)
        if not budget.is_used_up():
            api = AccountApi(run.chat_api)
            state = replace(state, accounts=self._accounts(api, before))
            if attempts:
                is_done = self.contact_sync.run(api, state.accounts, run=run, budget=budget, force=force)
                state = replace(state, contact_attempts=0 if is_done else attempts - 1)
        if state != before:
            self.accounts_store.record(state, fence=run.fence)

    def _accounts(self, api: AccountApi, before: AccountsState) -> tuple[AccountSince, ...]:
        """Returns the accounts as Beeper reports them now, or as before if its answer cannot be read.

        `since` moves only if the status of an account changes.
        """
        try:
            accounts = {account.account_id: account for account in api.accounts()}
        except (ListingError, OriginDownError):
            return before.accounts
        since = {(each.account.account_id, each.account.status): each.since for each in before.accounts}
        now = self.clock()
        return tuple(
            AccountSince(account, since.get((account_id, account.status), now))
            for account_id, account in sorted(accounts.items())
        )


def _source_of(account: Account) -> ImportSource:
    """Returns the source of the contacts of one account.

    Their ids have hashes, because an id of Beeper may be longer than a contact id, and have other characters.
    """
    return ImportSource(KeptBy.BEEPER, id_prefix=f"beeper:{_short_hash(account.account_id, 8)}:")


def _short_hash(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
