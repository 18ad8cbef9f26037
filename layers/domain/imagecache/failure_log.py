"""Logs errors without their texts, which may contain a URL, a media id or a chat's id.

Python prints the text of an error with its trace, and so does Lambda with an error that leaves a handler. An
operator gets the type and the lines of code instead.
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
    """Returns what a log line says of an error: its type, and the innermost frames without any values."""
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
    """Logs any error of a handler, and raises InvocationFailedError in its place. Used as a decorator.

    The invocation still fails, so Lambda repeats it, and its alarm counts it.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - another error is raised in its place
        fields = failure_fields(error)
        logger.error(message, extra=fields)
        text = f"{fields['error']}: {fields['cause']}" if "cause" in fields else str(fields["error"])
        # Without `from None` Lambda could print the original error, too.
        raise InvocationFailedError(text) from None
