"""Translates the exceptions of AWS clients to StoreUnavailableError, so that use cases need not know them.

botocore and PynamoDB are imported when an error occurs, because a cold start without errors needs neither.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from imagecache.errors import ItemRefusedError, StoreUnavailableError

# DynamoDB's code and texts for an item that is too large, and for a key that is empty or too long. It has the
# same code for a request that is wrong for every item, for example because of its expression or its index.
_INVALID = "ValidationException"
_INVALID_ITEM = re.compile(
    r"exceeded the (maximum )?(allowed )?size|values must be under|contain an empty string", re.IGNORECASE
)


@contextmanager
def aws_errors_translated() -> Iterator[None]:
    """Raises StoreUnavailableError instead of any error of botocore or PynamoDB. Can be used as a decorator.

    It is an ItemRefusedError if DynamoDB cannot store an item because of its size or its keys, but not if the
    request itself is wrong.

    A condition that does not hold is an error of PynamoDB, too; handle it inside of this context. The message
    is only the code of the AWS error, because the texts of AWS may contain keys and URLs.
    """
    try:
        yield
    except Exception as error:
        translated = _translated(error)
        if translated is None:
            raise
        raise translated from error


def _translated(error: Exception) -> StoreUnavailableError | None:
    """Returns the error to raise instead, or None if this is not an error of an AWS client."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from pynamodb.exceptions import PynamoDBConnectionError

    match error:
        case ClientError():
            code = error.response.get("Error", {}).get("Code", type(error).__name__)
            text = str(error)  # may contain keys and URLs, so it is not logged
        case PynamoDBConnectionError():
            # Without an answer of AWS the cause, such as EndpointConnectionError, says more than UpdateError.
            code = error.cause_response_code or type(error.cause or error).__name__
            text = error.cause_response_message or ""
        case BotoCoreError() | ResponseParserError():  # the latter is of an answer that is not AWS's
            code, text = type(error).__name__, ""
        case _:
            return None
    is_refused = code == _INVALID and _INVALID_ITEM.search(text) is not None
    return ItemRefusedError(code) if is_refused else StoreUnavailableError(code)
