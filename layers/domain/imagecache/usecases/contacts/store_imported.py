"""Makes the stored contacts of one source equal to what the source has, and writes only the differences.

An import never changes or deletes a contact that the owner has put through the API.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from imagecache.clock import Clock
from imagecache.errors import ConflictError
from imagecache.model.contact import Contact, KeptBy
from imagecache.rules.deletion_brake import is_too_much
from imagecache.rules.time_budget import TimeBudget
from imagecache.stores.contacts import ContactsTable
from imagecache.stores.state.contact_changes import ContactChanges

# If an import would delete more contacts than both limits (a number, and a share of all contacts from its
# source), it deletes none, because the source's answer may be wrong.
_MANY = 10
_LARGE_SHARE = 0.2


@dataclass(slots=True)
class ImportCounts:
    """The changes that an import has made.

    Counts: `kept_by_hand` contacts of the source that the owner has changed since, and `refused` deletions
    that were not made because they were too many.
    """

    saved: int = 0
    removed: int = 0
    refused: int = 0
    kept_by_hand: int = 0

    @property
    def changed(self) -> bool:
        """True if the members of the chats have to be linked again."""
        return self.saved + self.removed > 0


@dataclass(frozen=True, slots=True)
class ImportSource:
    """The source of an import: who keeps its contacts, and the first characters of their ids."""

    kept_by: KeptBy
    id_prefix: str

    def has(self, contact: Contact) -> bool:
        """Returns True if the stored contact comes from this source, and the owner has not changed it."""
        return contact.kept_by is self.kept_by and contact.contact_id.startswith(self.id_prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedContacts:
    """Writes imported contacts. Because only differences are written, the next import completes this one."""

    contacts_table: ContactsTable
    contact_changes: ContactChanges
    clock: Clock

    def all_by_id(self) -> dict[str, Contact]:
        """Scans the table and returns every contact by its id."""
        return {contact.contact_id: contact for contact in self.contacts_table.all_contacts()}

    def store(
        self,
        wanted: Iterable[Contact],
        stored: Mapping[str, Contact],
        *,
        source: ImportSource,
        counts: ImportCounts,
        budget: TimeBudget,
        may_remove: bool,
        force: bool = False,
    ) -> bool:
        """Writes the differences. Returns False if the time was used up before all were written.

        `wanted` has all contacts of the source, and `stored` is the result of `all_by_id`. `may_remove` is
        False if a contact that is missing from `wanted` may exist all the same. `force` switches the brake
        on deletions off.
        """
        wanted_by_id = {contact.contact_id: contact for contact in wanted}
        to_save = _to_save(wanted_by_id, stored, counts)
        to_remove = _to_remove(
            wanted_by_id, stored, source=source, counts=counts, may_remove=may_remove, force=force
        )
        if not to_save and not to_remove:
            return True
        with self.contact_changes.counted():
            for contact in to_save:
                if budget.is_used_up():
                    return False
                counts.saved += self._save(contact, stored.get(contact.contact_id))
            for contact in to_remove:
                if budget.is_used_up():
                    return False
                counts.removed += self._remove(contact)
        return True

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


def _to_save(
    wanted: Mapping[str, Contact], stored: Mapping[str, Contact], counts: ImportCounts
) -> list[Contact]:
    """Returns each contact that is new or differs from the stored one, unless the owner keeps it by hand."""
    contacts: list[Contact] = []
    for contact_id, contact in wanted.items():
        before = stored.get(contact_id)
        if before and before.kept_by is KeptBy.MANUAL:
            counts.kept_by_hand += 1
        elif before is None or contact != replace(before, updated_at=0, version=0):
            contacts.append(contact)
    return contacts


def _to_remove(
    wanted: Mapping[str, Contact],
    stored: Mapping[str, Contact],
    *,
    source: ImportSource,
    counts: ImportCounts,
    may_remove: bool,
    force: bool,
) -> list[Contact]:
    """Returns the stored contacts that the source no longer has, or none if they are too many."""
    of_source = [contact for contact in stored.values() if source.has(contact)]
    gone = [contact for contact in of_source if contact.contact_id not in wanted]
    is_braked = is_too_much(len(gone), of=len(of_source), more_than=_MANY, share=_LARGE_SHARE)
    if not may_remove or (is_braked and not force):
        counts.refused += len(gone)
        return []
    return gone
