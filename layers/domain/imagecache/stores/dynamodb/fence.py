"""A run of sync that lost its lease must write nothing: every row remembers the newest run that wrote it."""

from collections.abc import Iterator
from contextlib import contextmanager

from pynamodb.attributes import NumberAttribute
from pynamodb.exceptions import DeleteError, PutError, UpdateError
from pynamodb.expressions.condition import Condition

from imagecache.errors import FencedOffError
from imagecache.stores.dynamodb.conditional import is_refusal


def behind(synced_by: NumberAttribute, fence: int) -> Condition:
    """True for a row that is new, or was last written by this run or an older one."""
    condition: Condition = synced_by.does_not_exist() | (synced_by <= fence)
    return condition


@contextmanager
def fenced() -> Iterator[None]:
    """A refused condition becomes FencedOffError; any other trouble stays what it is."""
    try:
        yield
    except (PutError, UpdateError, DeleteError) as error:
        if is_refusal(error):
            raise FencedOffError from error
        raise
