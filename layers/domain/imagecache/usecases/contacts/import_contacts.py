"""Imports contacts from Dex: stores new and changed contacts, and deletes contacts that Dex no longer has."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from imagecache.errors import OriginDownError, OriginUnauthorizedError
from imagecache.model.contact import Contact, Identifier, KeptBy
from imagecache.rules.identifiers import identifier
from imagecache.rules.source_urls import storable_source
from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.dex import DexApi, DexContact, DexReading
from imagecache.usecases.contacts.store_imported import (
    ImportCounts,
    ImportedContacts,
    ImportSource,
    differences,
)

_DEX = ImportSource(KeptBy.DEX, id_prefix="dex:")
# The time to write one contact with many identifiers, or to read one slow page of Dex.
_RESERVE_MS = 20_000


class ImportOutcome(StrEnum):
    """The ways in which an import ends. OFFLINE and UNAUTHORIZED are about Dex, not about Beeper."""

    OK = "ok"
    UNFINISHED = "unfinished"
    OFFLINE = "offline"
    UNAUTHORIZED = "unauthorized"


@dataclass(slots=True)
class ImportReport(ImportCounts):
    """The result of an import: what it read, and what it changed.

    Counts: `unreadable` people in Dex without a usable id, and `skipped` invalid identifiers. `detail` is the
    reason why Dex could not be read.
    """

    outcome: ImportOutcome = ImportOutcome.OK
    detail: str = ""
    read: int = 0
    unreadable: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactImport:
    """Imports contacts. `region` is the country of phone numbers without a country code.

    An import writes only differences, so the next import completes one that ran out of time.
    """

    imported_contacts: ImportedContacts
    region: str

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
        stored = self.imported_contacts.all_by_id()
        changes = differences(
            self._contacts(reading, report),
            stored,
            source=_DEX,
            counts=report,
            # A person whom Dex lists without an id may be any of the stored contacts.
            may_remove=not reading.unreadable,
        )
        return self.imported_contacts.write(changes, stored, counts=report, budget=budget)

    def _contacts(self, reading: DexReading, report: ImportReport) -> list[Contact]:
        contacts: list[Contact] = []
        for person in reading.contacts.values():
            texts = [(kind, text) for kind, written in person.texts.items() for text in written]
            identifiers = [identifier(kind, text, region=self.region) for kind, text in texts]
            report.skipped += identifiers.count(None)
            contacts.append(_contact(person, {each for each in identifiers if each}))
        return contacts


def _contact(person: DexContact, identifiers: set[Identifier]) -> Contact:
    source = storable_source(person.source_url) if person.source_url else None
    return Contact(
        contact_id=f"{_DEX.id_prefix}{person.dex_id}",
        full_name=person.full_name,
        source_url=source.source_url if source else None,
        image=source.image if source else None,
        identifiers=tuple(sorted(identifiers)),
        kept_by=KeptBy.DEX,
    )
