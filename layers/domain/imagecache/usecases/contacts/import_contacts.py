"""What Dex has → contacts; those that it no longer has are removed, those kept by hand are left alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from imagecache.clock import Clock
from imagecache.errors import ConflictError, OriginDownError, OriginUnauthorizedError
from imagecache.model.contact import Contact, Identifier, KeptBy
from imagecache.rules.deletion_brake import is_too_much
from imagecache.rules.identifiers import identifier
from imagecache.rules.source_urls import storable_url
from imagecache.sources.dex import DexApi, DexContact, DexReading
from imagecache.stores.contacts.contacts import ContactsTable
from imagecache.stores.state.contact_changes import ContactChanges
from imagecache.usecases.contacts.keep_contacts import image_of

_MANY = 10
_MOST_SHARE = 0.2
_TIME_TO_STOP = 20_000  # ms


class ImportOutcome(StrEnum):
    """How it ended; none of these is an error of ours."""

    OK = "ok"
    UNFINISHED = "unfinished"
    OFFLINE = "offline"
    UNAUTHORIZED = "unauthorized"


@dataclass(slots=True)
class ImportReport:
    """What was read and done: `skipped` are identifiers that are none, `refused` removals that look wrong."""

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
        return self.saved + self.removed > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactImport:
    """Writes only what differs: an import that was cut short is made good by the next one."""

    contacts_table: ContactsTable
    contact_changes: ContactChanges
    region: str
    clock: Clock

    def run(self, dex: DexApi, *, milliseconds_left: Callable[[], int]) -> ImportReport:
        """Raises DexError when what answers is no list of contacts; nothing is changed then."""

        def time_left() -> int:
            return milliseconds_left() - _TIME_TO_STOP

        report = ImportReport()
        try:
            reading = dex.read(seconds_left=lambda: time_left() / 1000)
        except OriginUnauthorizedError as error:
            report.outcome, report.detail = ImportOutcome.UNAUTHORIZED, str(error)
            return report
        except OriginDownError as error:
            report.outcome, report.detail = ImportOutcome.OFFLINE, str(error)
            return report
        report.read, report.unreadable = len(reading.contacts), reading.unreadable
        if not (reading.complete and self._store(reading, report, time_left)):
            report.outcome = ImportOutcome.UNFINISHED
        return report

    def _store(self, reading: DexReading, report: ImportReport, time_left: Callable[[], int]) -> bool:
        """False when time was up."""
        known = {contact.contact_id: contact for contact in self.contacts_table.everybody()}
        wanted = {contact.contact_id: contact for contact in self._made(reading, report)}
        changes = self._changes(wanted, known, report)
        removals = self._removals(wanted, known, report)
        if not changes and not removals:
            return True
        self.contact_changes.count()
        try:
            for contact in changes:
                if time_left() <= 0:
                    return False
                report.saved += self._saved(contact, known.get(contact.contact_id))
            for contact in removals:
                if time_left() <= 0:
                    return False
                report.removed += self._removed(contact)
        finally:
            self.contact_changes.count()
        return True

    def _made(self, reading: DexReading, report: ImportReport) -> list[Contact]:
        made = []
        for one in reading.contacts.values():
            texts = [(kind, text) for kind, several in one.texts.items() for text in several]
            found = [identifier(kind, text, region=self.region) for kind, text in texts]
            report.skipped += found.count(None)
            made.append(_contact(one, {each for each in found if each}))
        return made

    def _changes(
        self, wanted: dict[str, Contact], known: dict[str, Contact], report: ImportReport
    ) -> list[Contact]:
        """New ones and those that differ; what was put by hand is the owner's since then, not Dex's."""
        changes = []
        for contact_id, contact in wanted.items():
            before = known.get(contact_id)
            if before and before.kept_by is KeptBy.MANUAL:
                report.kept_by_hand += 1
            elif before is None or contact != replace(before, updated_at=0, version=0):
                changes.append(contact)
        return changes

    def _removals(
        self, wanted: dict[str, Contact], known: dict[str, Contact], report: ImportReport
    ) -> list[Contact]:
        """Those that Dex no longer has. While it sends somebody without an id, that may be any of them."""
        of_dex = [contact for contact in known.values() if contact.kept_by is KeptBy.DEX]
        gone = [contact for contact in of_dex if contact.contact_id not in wanted]
        too_many = is_too_much(len(gone), of=len(of_dex), more_than=_MANY, share=_MOST_SHARE)
        if report.unreadable or too_many:
            report.refused = len(gone)
            return []
        return gone

    def _saved(self, contact: Contact, before: Contact | None) -> bool:
        try:
            self.contacts_table.save(replace(contact, updated_at=self.clock()), before=before)
        except ConflictError:  # somebody is faster: the next import looks again
            return False
        return True

    def _removed(self, contact: Contact) -> bool:
        try:
            self.contacts_table.delete(contact)
        except ConflictError:
            return False
        return True


def _contact(one: DexContact, identifiers: set[Identifier]) -> Contact:
    return Contact(
        contact_id=f"dex:{one.dex_id}",
        full_name=one.full_name,
        source_url=storable_url(one.source_url) if one.source_url else None,
        image=image_of(one.source_url),
        identifiers=tuple(sorted(identifiers)),
        kept_by=KeptBy.DEX,
    )
