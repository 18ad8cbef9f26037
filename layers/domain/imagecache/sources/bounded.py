"""An HTTP response → its body, never longer than the cap and never later than the deadline."""

import time

import urllib3

from imagecache.errors import ImageFailedError, OriginDownError
from imagecache.model import FailureReason

MAX_IMAGE_BYTES = 5 * 1024 * 1024
TOTAL_SECONDS = 10.0
# A single read may block for this long, so a body ends at most this much after the deadline.
READ_SECONDS = 3.0
_CHUNK = 64 * 1024


class Deadline:
    """A moment on the monotonic clock that a whole fetch, redirects and all, must not outlive."""

    def __init__(self, seconds: float = TOTAL_SECONDS) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left. Raises OriginDownError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise OriginDownError("no complete answer within the deadline")
        return left


def read_body(response: urllib3.BaseHTTPResponse, deadline: Deadline) -> bytes:
    """The body as sent, whatever its headers say. Raises ImageFailedError (TOO_LARGE), OriginDownError."""
    body = bytearray()
    try:
        while chunk := response.read1(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > MAX_IMAGE_BYTES:
                raise ImageFailedError(FailureReason.TOO_LARGE)
            deadline.remaining()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise OriginDownError(type(error).__name__) from error
    return bytes(body)
