"""An HTTP response → its body, never longer than the cap and never later than the deadline."""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import urllib3

from imagecache.errors import ImageFailedError, OriginFaultyError
from imagecache.model import FailureReason

MAX_IMAGE_BYTES = 5 * 1024 * 1024
TOTAL_SECONDS = 10.0
# Of those, for the TCP and TLS handshakes.
CONNECT_SECONDS = 3.0
_CHUNK = 64 * 1024
# A longer wish is a mistake; a day is the longest wait of any other failure that heals.
_LONGEST_RETRY_AFTER = 86_400


class Deadline:
    """A moment on the monotonic clock that a whole fetch, redirects and all, must not outlive."""

    def __init__(self, seconds: float = TOTAL_SECONDS) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left. Raises OriginFaultyError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise OriginFaultyError("no complete answer within the deadline")
        return left


def read_body(response: urllib3.BaseHTTPResponse, deadline: Deadline) -> bytes:
    """The body as sent, whatever its headers say. Raises ImageFailedError (TOO_LARGE), OriginFaultyError.

    A body shorter than its Content-Length is cut short; of a longer one only the announced part is read.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:  # we asked for none, and do not unpack bombs
        raise OriginFaultyError("a compressed body, although none was asked for")
    body = bytearray()
    try:
        while chunk := response.read1(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > MAX_IMAGE_BYTES:
                raise ImageFailedError(FailureReason.TOO_LARGE, "more than 5 MB")
            deadline.remaining()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise OriginFaultyError(type(error).__name__) from error
    return bytes(body)


def retry_after(headers: Mapping[str, str]) -> int | None:
    """The Retry-After header in seconds, given as such or as a date (RFC 9110 §10.2.3)."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), _LONGEST_RETRY_AFTER)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(int(seconds), 0), _LONGEST_RETRY_AFTER)
