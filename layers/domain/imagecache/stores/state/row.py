"""The schema of syncState, except for jobs. Every kind of row has a module of its own."""

from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.exceptions import DoesNotExist
from pynamodb.models import Model

from imagecache.stores.dynamodb.fence import behind, fenced


class StateRow(Model):
    """A row of syncState. Most kinds of rows keep everything in `value`, one JSON text."""

    name = UnicodeAttribute(hash_key=True)
    value = JSONAttribute(null=True)
    fence = NumberAttribute(null=True)
    held_until = NumberAttribute(null=True, attr_name="heldUntil")  # lock
    hashes = BinaryAttribute(null=True, legacy_encoding=False)  # progress#<number>
    changes = NumberAttribute(null=True)  # contacts
    salt = BinaryAttribute(null=True, legacy_encoding=False)  # salt
    open_until = NumberAttribute(null=True, attr_name="openUntil")  # origin#<name>, as the four below
    cause = UnicodeAttribute(null=True)
    openings = NumberAttribute(null=True)
    bad_images = UnicodeSetAttribute(null=True, attr_name="badImages")
    next_slot_at = NumberAttribute(null=True, attr_name="nextSlotAt")


def read_value(rows: type[StateRow], name: str) -> dict[str, Any]:
    """Returns the `value` of the row with this name, consistently read. It is empty if there is none."""
    try:
        return rows.get(name, consistent_read=True).value or {}
    except DoesNotExist:
        return {}


def save_fenced(row: StateRow, fence: int) -> None:
    """Writes the row for the run with this fence. Raises FencedOffError if a newer run has written it."""
    row.fence = fence
    with fenced():
        row.save(condition=behind(StateRow.fence, fence))
