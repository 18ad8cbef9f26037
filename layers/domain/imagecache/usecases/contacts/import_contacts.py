"""Imports contacts from Dex: stores what is new or different, and deletes what Dex no longer has.

Contacts that the owner keeps by hand are never touched.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from imagecache.clock import Clock
from imagecache.errors import ConflictError, OriginDownError, OriginUnauthorizedError
from imagecache.model.contact import Contact, Identifier, KeptBy
from imagecache.rules.deletion_brake import is_too_much
from imagecache.rules.identifiers import identifier
from imagecache.rules.source_urls import storable_source
from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.dex import DexApi, DexContact, DexReading
from imagecache.stores.contacts import ContactsTable
from imagecache.stores.state.contact_changes import ContactChanges

# More than this many deletions at once, and more than this share of Dex's contacts, look like a mistake.
_MANY = 10
_LARGE_SHARE = 0.2
# Enough for one contact with many identifiers, or for one slow page of Dex.
_RESERVE_MS = 20_000


class ImportOutcome(StrEnum):
    """The ways in which an import ends. OFFLINE and UNAUTHORIZED are about Dex, not about Beeper."""

    OK = "ok"
    UNFINISHED = "unfinished"
    OFFLINE = "offline"
    UNAUTHORIZED = "unauthorized"


@dataclass(slots=True)
class ImportReport:
    """The result of an import: what it read, and what it changed.

    `unreadable` counts people in Dex without a usable id, `skipped` identifiers that are not valid,
    `kept_by_hand` contacts of Dex that the owner has changed since, and `refused` deletions that look like a
    mistake. `detail` says why Dex could not be read.
    """

    outcome: ImportOutcome = ImportOutcome.OK
    detail: str = ""
    read: int = 0
    unreadable: int = 0
    saved: int = 0
    removed: int = 0
    refused: int = 0
    kept_by_hand: int = 0
    skipped: int = 0

    @property
    def changed(self) -> bool:
        """True if the members of the chats have to be linked again."""
        return self.saved + self.removed > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactImport:
    """Imports contacts. `region` is the country of phone numbers without a country code.

    Only differences are written, so an import that ran out of time is completed by the next one.
    """

    contacts_table: ContactsTable
    contact_changes: ContactChanges
    region: str
    clock: Clock

    def run(self, dex: DexApi, *, remaining_ms: Callable[[], int]) -> ImportReport:
        """Imports as much as there is time for: `remaining_ms` returns how long the invocation may run.

        Raises DexError, and changes nothing, if the answer is not a list of contacts.
        """
        report = ImportReport()
        budget = TimeBudget(remaining_ms, reserve_ms=_RESERVE_MS)
        try:
            reading = dex.read(budget=budget)
        except OriginUnauthorizedError as error:
            report.outcome = ImportOutcome.UNAUTHORIZED
            report.detail = str(error)
            return report
        except OriginDownError as error:
            report.outcome = ImportOutcome.OFFLINE
            report.detail = str(error)
            return report
        report.read = len(reading.contacts)
        report.unreadable = reading.unreadable
        if not reading.complete or not self._store(reading, report, budget):
            report.outcome = ImportOutcome.UNFINISHED
        return report

    def _store(self, reading: DexReading, report: ImportReport, budget: TimeBudget) -> bool:
        """Writes the differences. Returns False if the time did not suffice."""
        stored = {contact.contact_id: contact for contact in self.contacts_table.all_contacts()}
        wanted = {contact.contact_id: contact for contact in self._contacts(reading, report)}
        to_save = _to_save(wanted, stored, report)
        to_remove = _to_remove(wanted, stored, report)
        if not to_save and not to_remove:
            return True
        with self.contact_changes.counted():
            for contact in to_save:
                if budget.is_used_up():
                    return False
                report.saved += self._save(contact, stored.get(contact.contact_id))
            for contact in to_remove:
                if budget.is_used_up():
                    return False
                report.removed += self._remove(contact)
        return True

    def _contacts(self, reading: DexReading, report: ImportReport) -> list[Contact]:
        contacts: list[Contact] = []
        for person in reading.contacts.values():
            texts = [(kind, text) for kind, written in person.texts.items() for text in written]
            identifiers = [identifier(kind, text, region=self.region) for kind, text in texts]
            report.skipped += identifiers.count(None)
            contacts.append(_contact(person, {each for each in identifiers if each}))
        return contacts

    def _save(self, contact: Contact, before: Contact | None) -> bool:
        """Returns False if another request changes the contact now. The next import looks at it again."""
        try:
            self.contacts_table.save(replace(contact, updated_at=self.clock()), before=before)
        except ConflictError:
            return False
        return True

    def _remove(self, contact: Contact) -> bool:
        """Deletes the contact. Returns False, and deletes nothing, if it was changed since it was read."""
        try:
            self.contacts_table.delete(contact)
        except ConflictError:
            return False
        return True


def _to_save(wanted: dict[str, Contact], stored: dict[str, Contact], report: ImportReport) -> list[Contact]:
    """Returns the contacts that are new or differ from the stored ones, without those kept by hand."""
    contacts: list[Contact] = []
    for contact_id, contact in wanted.items():
        before = stored.get(contact_id)
        if before and before.kept_by is KeptBy.MANUAL:
            report.kept_by_hand += 1
        elif before is None or contact != replace(before, updated_at=0, version=0):
            contacts.append(contact)
    return contacts


def _to_remove(wanted: dict[str, Contact], stored: dict[str, Contact], report: ImportReport) -> list[Contact]:
    """Returns the contacts that Dex no longer has; none if these are too many.

    Nothing is removed either while Dex lists people without an id: each of them may be one that seems to be
    gone.
    """
    of_dex = [contact for contact in stored.values() if contact.kept_by is KeptBy.DEX]
    gone = [contact for contact in of_dex if contact.contact_id not in wanted]
    if report.unreadable or is_too_much(len(gone), of=len(of_dex), more_than=_MANY, share=_LARGE_SHARE):
        report.refused = len(gone)
        return []
    return gone


def _contact(person: DexContact, identifiers: set[Identifier]) -> Contact:
    source = storable_source(person.source_url) if person.source_url else None
    return Contact(
        contact_id=f"dex:{person.dex_id}",
        full_name=person.full_name,
        source_url=source.source_url if source else None,
        image=source.image if source else None,
        identifiers=tuple(sorted(identifiers)),
        kept_by=KeptBy.DEX,
    )
