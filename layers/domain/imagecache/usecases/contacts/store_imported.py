"""Makes the stored contacts of one source equal to what the source has, and writes only the differences.

An import never changes or deletes a contact that the owner has put through the API.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import partial

from imagecache.clock import Clock
from imagecache.errors import ConflictError
from imagecache.model.contact import Contact, Identifier, IdentifierKind, KeptBy, is_shared
from imagecache.rules.deletion_brake import is_too_much
from imagecache.rules.people import phone_id
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


class _Outcome(Enum):
    """The outcomes of writing one contact."""

    WRITTEN = auto()
    CONFLICT = auto()
    OUT_OF_TIME = auto()


@dataclass(frozen=True, slots=True)
class Differences:
    """The contacts that an import has to write and to delete."""

    to_save: list[Contact]
    to_remove: list[Contact]

    def __bool__(self) -> bool:
        return bool(self.to_save or self.to_remove)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedContacts:
    """Reads and writes imported contacts, up to `writes_at_once` of them at the same time.

    Because only differences are written, the next import completes one that was cut short.
    """

    contacts_table: ContactsTable
    contact_changes: ContactChanges
    clock: Clock
    writes_at_once: int

    def all_by_id(self) -> dict[str, Contact]:
        """Scans the table and returns every contact by its id."""
        return {contact.contact_id: contact for contact in self.contacts_table.all_contacts()}

    def write(
        self,
        differences: Differences,
        stored: Mapping[str, Contact],
        *,
        counts: ImportCounts,
        budget: TimeBudget,
    ) -> bool:
        """Writes the differences to `stored`, the result of `all_by_id`.

        Returns False if the time was used up before all were written.
        """
        if not differences:
            return True
        with self.contact_changes.counted(), ThreadPoolExecutor(self.writes_at_once) as pool:
            save = partial(self._save, stored=stored, budget=budget)
            saved = list(pool.map(save, differences.to_save))
            removed = list(pool.map(partial(self._remove, budget=budget), differences.to_remove))
        counts.saved += saved.count(_Outcome.WRITTEN)
        counts.removed += removed.count(_Outcome.WRITTEN)
        return _Outcome.OUT_OF_TIME not in {*saved, *removed}

    def _save(self, contact: Contact, *, stored: Mapping[str, Contact], budget: TimeBudget) -> _Outcome:
        """Writes the contact, unless it was changed since it was read. The next import compares it again."""
        if budget.is_used_up():
            return _Outcome.OUT_OF_TIME
        try:
            before = stored.get(contact.contact_id)
            self.contacts_table.save(replace(contact, updated_at=self.clock()), before=before)
        except ConflictError:
            return _Outcome.CONFLICT
        return _Outcome.WRITTEN

    def _remove(self, contact: Contact, *, budget: TimeBudget) -> _Outcome:
        """Deletes the contact, unless it was changed since it was read."""
        if budget.is_used_up():
            return _Outcome.OUT_OF_TIME
        try:
            self.contacts_table.delete(contact)
        except ConflictError:
            return _Outcome.CONFLICT
        return _Outcome.WRITTEN


def differences(
    wanted: Iterable[Contact],
    stored: Mapping[str, Contact],
    *,
    source: ImportSource,
    counts: ImportCounts,
    may_remove: bool,
    force: bool = False,
    ids_of: Callable[[Contact], Sequence[str]] = lambda _: (),
) -> Differences:
    """Returns the differences between `wanted`, all contacts of the source, and those that are stored.

    `may_remove` is False if a contact that is missing from `wanted` may exist all the same. `force` switches
    the brake on deletions off. `ids_of` returns the person ids of a contact that outlive its contact id. A
    contact whose person has another contact in `wanted` is replaced, and does not count for the brake. If it
    alone has a picture, it stays with the other data of the contact that replaces it. Counts what is kept by
    hand or refused.
    """
    listed = {contact.contact_id: contact for contact in wanted}
    of_source = [contact for contact in stored.values() if source.has(contact)]
    gone = [contact for contact in of_source if contact.contact_id not in listed]
    replacements = _replacements(gone, listed.values(), ids_of)
    wanted_by_id = _with_earlier_pictures(listed, stored, replacements)
    to_save = _to_save(wanted_by_id, stored, counts)
    gone = [contact for contact in of_source if contact.contact_id not in wanted_by_id]
    # A listed contact is gone only if the stored one that it replaces stays instead of it.
    replaced = [each for each in gone if each.contact_id in replacements or each.contact_id in listed]
    lost = len(gone) - len(replaced)
    if not may_remove:
        counts.refused += len(gone)
        return Differences(to_save, [])
    if is_too_much(lost, of=len(of_source), more_than=_MANY, share=_LARGE_SHARE) and not force:
        counts.refused += lost
        return Differences(to_save, replaced)
    return Differences(to_save, gone)


def _replacements(
    gone: list[Contact], wanted: Iterable[Contact], ids_of: Callable[[Contact], Sequence[str]]
) -> dict[str, list[Contact]]:
    """Maps the id of each contact of `gone` to the contacts in `wanted` that replace it.

    These have a participant id of the contact of `gone`, whatever their number. If there are none, these have
    its phone number or its user name. The same user name with another phone number is another person's. A
    contact that is not replaced has no entry.
    """
    if not gone:
        return {}
    having: dict[str, list[tuple[Contact, str | None]]] = defaultdict(list)
    by_participant: dict[Identifier, Contact] = {}
    for contact in wanted:
        ids = ids_of(contact)
        for person_id in ids:
            having[person_id].append((contact, phone_id(ids)))
        by_participant |= dict.fromkeys(_participant_ids(contact), contact)
    replacements: dict[str, list[Contact]] = {}
    for contact in gone:
        ids = ids_of(contact)
        own = phone_id(ids)
        others = {
            other.contact_id: other
            for person_id in ids
            for other, phone in having.get(person_id, ())
            if own is None or phone is None or phone == own
        }
        having_its_id = {
            by_participant[each].contact_id: by_participant[each]
            for each in _participant_ids(contact)
            if each in by_participant
        }
        if having_its_id or others:
            replacements[contact.contact_id] = list((having_its_id or others).values())
    return replacements


def _with_earlier_pictures(
    wanted: Mapping[str, Contact], stored: Mapping[str, Contact], replacements: Mapping[str, list[Contact]]
) -> dict[str, Contact]:
    """Returns the wanted contacts. One without a picture keeps the stored contact that it replaces.

    When a network moves people to other ids, it often loses their pictures. The stored contact gets all but
    the picture from the new one, and it has the participant ids of both, so that every import finds it again.
    It is removed as soon as the new contact has a picture. Contacts of other names may be other people with
    the same number, so nothing of theirs is kept, unless the stored contact has the participant id of the new
    one already.
    """
    kept = dict(wanted)
    for contact_id, others in replacements.items():
        old = stored[contact_id]
        if old.image_key is None or len(others) != 1:
            continue
        [new] = others
        known = stored.get(new.contact_id)
        is_kept_by_hand = known is not None and known.kept_by is KeptBy.MANUAL
        own_ids = _participant_ids(old)
        has_other_name = is_shared([old, new]) and own_ids.isdisjoint(_participant_ids(new))
        is_other_person = new.contact_id not in kept or has_other_name
        if new.image_key is not None or is_kept_by_hand or is_other_person:
            continue
        del kept[new.contact_id]
        kept[contact_id] = replace(
            new,
            contact_id=contact_id,
            source_url=old.source_url,
            image=old.image,
            identifiers=tuple(sorted(own_ids.union(new.identifiers))),
        )
    return kept


def _participant_ids(contact: Contact) -> set[Identifier]:
    return {each for each in contact.identifiers if each.kind is IdentifierKind.PARTICIPANT}


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
