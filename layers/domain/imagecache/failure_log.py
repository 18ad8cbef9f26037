"""Logs errors without their texts, which may contain a URL, a media id or a chat's id.

Python prints the text of an error with its trace, and Lambda prints it for every error that a handler raises.
This module logs only the type of the error and the lines of code.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imagecache.errors import InvocationFailedError, StoreUnavailableError

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

_MOST_FRAMES = 12


def failure_fields(error: Exception) -> dict[str, object]:
    """Returns the fields of a log line for an error: its type, and its 12 innermost frames without values."""
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    fields: dict[str, object] = {
        "error": type(error).__name__,
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, StoreUnavailableError):
        # Its text is the code of an AWS error, such as ThrottlingException.
        fields["cause"] = str(error)
    return fields


@contextmanager
def failures_logged(logger: "Logger", message: str) -> Iterator[None]:
    """Logs any error of a handler, and raises InvocationFailedError instead. Used as a decorator.

    So the invocation still fails: Lambda retries it if the template allows that, and the alarm counts it.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - another error is raised in its place
        fields = failure_fields(error)
        logger.error(message, extra=fields)
        text = f"{fields['error']}: {fields['cause']}" if "cause" in fields else str(fields["error"])
        # Without `from None` Lambda could print the original error, too.
        raise InvocationFailedError(text) from None
