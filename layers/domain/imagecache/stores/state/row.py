"""The schema of syncState. Each kind of row is read and written by its own module of this package."""

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

from imagecache.aws_errors import aws_errors_translated
from imagecache.stores.dynamodb import behind, fenced

LOCK = "lock"
"""The name of the row that has the lock of sync, the last success and the health of Beeper."""


class StateRow(Model):
    """A row of any kind except a job. Most kinds have all their data in `value`, one JSON text."""

    name = UnicodeAttribute(hash_key=True)
    value = JSONAttribute(null=True)
    fence = NumberAttribute(null=True)
    held_until = NumberAttribute(null=True, attr_name="heldUntil")  # lock, agent
    last_sync = JSONAttribute(null=True, attr_name="lastSync")  # lock
    beeper_health = JSONAttribute(null=True, attr_name="beeperHealth")  # lock
    holder = UnicodeAttribute(null=True)  # lock, agent
    hashes = BinaryAttribute(null=True, legacy_encoding=False)  # progress#<number>
    changes = NumberAttribute(null=True)  # contacts
    salt = BinaryAttribute(null=True, legacy_encoding=False)  # salt
    open_until = NumberAttribute(null=True, attr_name="openUntil")  # origin#<name>, as the five below
    cause = UnicodeAttribute(null=True)
    answer = UnicodeAttribute(null=True)
    openings = NumberAttribute(null=True)
    bad_images = UnicodeSetAttribute(null=True, attr_name="badImages")
    next_slot_at = NumberAttribute(null=True, attr_name="nextSlotAt")


class JobRow(Model):
    """A row `job#<id>`. Times are in ms, except `expires_at`: DynamoDB's time to live is in seconds."""

    name = UnicodeAttribute(hash_key=True)
    kind = UnicodeAttribute()
    order = JSONAttribute()
    status = UnicodeAttribute()
    created_at = NumberAttribute(attr_name="createdAt")
    updated_at = NumberAttribute(attr_name="updatedAt")
    progress = JSONAttribute()
    result = JSONAttribute()
    position = JSONAttribute(null=True)
    worker = UnicodeAttribute(null=True)
    held_until = NumberAttribute(null=True, attr_name="heldUntil")
    expires_at = NumberAttribute(attr_name="expiresAt")


@aws_errors_translated()
def read_row(rows: type[StateRow], name: str) -> StateRow:
    """Returns the row with this name, consistently read, or one without attributes if there is none.

    Raises StoreUnavailableError.
    """
    try:
        return rows.get(name, consistent_read=True)
    except DoesNotExist:
        return rows(name)


def read_value(rows: type[StateRow], name: str) -> dict[str, Any]:
    """Returns the `value` of the row with this name, consistently read, or an empty dict if there is none.

    Raises StoreUnavailableError.
    """
    return read_row(rows, name).value or {}


def save_fenced(row: StateRow, fence: int) -> None:
    """Writes the row for the run with this fence.

    Raises FencedOffError if a newer run has written the row, StoreUnavailableError.
    """
    row.fence = fence
    with fenced():
        row.save(condition=behind(StateRow.fence, fence))
