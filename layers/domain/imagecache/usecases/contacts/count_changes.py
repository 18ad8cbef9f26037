"""Counts changes of contacts, so that no sync misses one."""

from collections.abc import Iterator
from contextlib import contextmanager

from imagecache.stores.state.contact_changes import ContactChanges


@contextmanager
def counted_change(contact_changes: ContactChanges) -> Iterator[None]:
    """Counts a change of contacts before its first write and after its last one, also if it fails on the way.

    Sync links members again when the count has grown. With the first count alone, a sync that runs between
    the count and the write would link by the old contacts, and none after it would notice. With the last one
    alone, a crash before it would hide what has been written.
    """
    contact_changes.count()
    try:
        yield
    finally:
        contact_changes.count()
