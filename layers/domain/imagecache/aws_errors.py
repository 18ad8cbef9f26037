"""Translates the exceptions of AWS clients to StoreUnavailableError, so that use cases need not know them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBConnectionError

from imagecache.errors import ItemRefusedError, StoreUnavailableError

# DynamoDB's code and texts for an item that is too large, and for a key that is empty or too long. It has the
# same code for a request that is wrong for every item, for example because of its expression or its index.
_INVALID = "ValidationException"
_INVALID_ITEM = re.compile(
    r"exceeded the (maximum )?(allowed )?size|values must be under|contain an empty string", re.IGNORECASE
)


@contextmanager
def aws_errors_translated() -> Iterator[None]:
    """Raises StoreUnavailableError instead of any error of boto3 or PynamoDB. Can be used as a decorator.

    It is an ItemRefusedError if DynamoDB cannot store an item because of its size or its keys, but not if the
    request itself is wrong.

    A condition that does not hold is an error of PynamoDB, too; handle it inside of this context. The message
    is only the code of the AWS error, because the texts of AWS may contain keys and URLs.
    """
    try:
        yield
    except (BotoCoreError, ClientError, PynamoDBConnectionError) as error:
        code = _code(error)
        is_refused = code == _INVALID and _INVALID_ITEM.search(_text(error)) is not None
        raise (ItemRefusedError(code) if is_refused else StoreUnavailableError(code)) from error


def _code(error: BotoCoreError | ClientError | PynamoDBConnectionError) -> str:
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", type(error).__name__)
    if isinstance(error, PynamoDBConnectionError):
        return error.cause_response_code or type(error).__name__
    return type(error).__name__


def _text(error: BotoCoreError | ClientError | PynamoDBConnectionError) -> str:
    """Returns the text of AWS, which must not be logged."""
    if isinstance(error, PynamoDBConnectionError):
        return error.cause_response_message or ""
    return str(error)
