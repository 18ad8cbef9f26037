"""Imports contacts from Dex: stores new and changed contacts, and deletes contacts that Dex no longer has.

An import never changes or deletes a contact that the owner has put through the API.
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

# If an import would delete more contacts than both limits (a number, and a share of all contacts from Dex),
# it deletes none, because Dex's answer may be wrong.
_MANY = 10
_LARGE_SHARE = 0.2
# The time to write one contact with many identifiers, or to read one slow page of Dex.
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

    Counts: `unreadable` people in Dex without a usable id, `skipped` invalid identifiers, `kept_by_hand`
    contacts from Dex that the owner has changed since, and `refused` deletions that were not made because
    they were too many. `detail` is the reason why Dex could not be read.
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

    An import writes only differences, so the next import completes one that ran out of time.
    """

    contacts_table: ContactsTable
    contact_changes: ContactChanges
    region: str
    clock: Clock

    def run(self, dex: DexApi, *, remaining_ms: Callable[[], int]) -> ImportReport:
        """Reads all contacts from Dex and stores the differences, until the time is used up.

        `remaining_ms` returns for how many ms the invocation may still run. Raises DexError, and changes
        nothing, if Dex's answer is not a list of contacts.
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
        """Writes the differences. Returns False if the time was used up before all were written."""
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
        """Writes the contact. Returns False, and writes nothing, if it was changed since it was read.

        The next import compares the contact again.
        """
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
    """Returns each contact that is new or differs from the stored one, unless the owner keeps it by hand."""
    contacts: list[Contact] = []
    for contact_id, contact in wanted.items():
        before = stored.get(contact_id)
        if before and before.kept_by is KeptBy.MANUAL:
            report.kept_by_hand += 1
        elif before is None or contact != replace(before, updated_at=0, version=0):
            contacts.append(contact)
    return contacts


def _to_remove(wanted: dict[str, Contact], stored: dict[str, Contact], report: ImportReport) -> list[Contact]:
    """Returns the stored contacts that Dex no longer has, or none if they are too many.

    Returns none also if Dex lists a person without an id, because that person may be one of these contacts.
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
