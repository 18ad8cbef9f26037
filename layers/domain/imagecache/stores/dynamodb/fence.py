"""The fence: a sync run that has lost its lock must not write any more.

Each run has a number larger than those of all earlier runs. A row remembers the number of the run that wrote
it last, and refuses the writes of older ones.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pynamodb.attributes import NumberAttribute
from pynamodb.exceptions import DeleteError, PutError, UpdateError
from pynamodb.expressions.condition import Condition

from imagecache.aws_errors import aws_errors_translated
from imagecache.errors import FencedOffError
from imagecache.stores.dynamodb.conditional import is_refusal


def behind(synced_by: NumberAttribute, fence: int) -> Condition:
    """Returns the condition that the row is new, or was last written by this run or by an older one."""
    condition: Condition = synced_by.does_not_exist() | (synced_by <= fence)
    return condition


@contextmanager
def fenced() -> Iterator[None]:
    """Raises FencedOffError for a refused condition, StoreUnavailableError for any other error."""
    with aws_errors_translated():
        try:
            yield
        except (PutError, UpdateError, DeleteError) as error:
            if is_refusal(error):
                raise FencedOffError from error
            raise
