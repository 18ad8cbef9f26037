"""The media server: it serves the raw files of Beeper's media folder.

It makes the same checks as the real media server, in the same order: the method, the rate limit, the token,
and then the path.
"""

import posixpath
import re
import time
from collections.abc import Callable
from threading import Lock
from urllib.parse import unquote_to_bytes

from demo.account import Account
from demo.faults import Faults, Target
from demo.hits import Hits, Route
from demo.listener import HangUpError, Reply, Request
from demo.media import Media

CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
}
FILE_HEADERS = {
    "Content-Type": "application/octet-stream",  # media files have no extension that would say more
    "Cache-Control": "private, max-age=3600",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
MESSAGES = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "File not found",
    405: "Method not allowed",
    409: "Conflict",
    429: "Too many requests",
}
DIRECTORY_MESSAGE = "Forbidden: Directory listing disabled"

ROOT = "/media"  # in place of the media folder's path, of which only the beginning matters
BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
WINDOW_SECONDS = 60.0


class RateLimit:
    """Allows `requests` requests in each window of 60 s. A window starts with its first request.

    If `requests` is None, every request is allowed. The real server counts separately for each client
    address, but behind a tunnel all requests have the same address.
    """

    def __init__(self, requests: int | None = 100, clock: Callable[[], float] = time.monotonic) -> None:
        self.requests = requests
        self._clock = clock
        self._lock = Lock()
        self._window_ends_at = float("-inf")
        self._used = 0

    def admits(self) -> bool:
        """Counts a request. Returns True if it is within the limit."""
        with self._lock:
            now = self._clock()
            if now >= self._window_ends_at:
                self._window_ends_at = now + WINDOW_SECONDS
                self._used = 0
            self._used += 1
            return self.requests is None or self._used <= self.requests


class MediaServer:
    """Answers requests for `/<server>/<mediaId>`."""

    def __init__(
        self, account: Account, faults: Faults, hits: Hits, token: str, rate_limit: RateLimit
    ) -> None:
        self._account = account
        self._faults = faults
        self._hits = hits
        self._token = token
        self._rate_limit = rate_limit

    def __call__(self, request: Request) -> Reply:
        fault = self._faults.take(Target.MEDIA)
        return self._hits.count(Route.MEDIA_SERVER, lambda: fault.apply(lambda: self._answer(request), _text))

    def _answer(self, request: Request) -> Reply:
        if request.method == "OPTIONS":
            return Reply(200, headers=CORS_HEADERS)
        if request.method != "GET":
            return _text(405)
        if not self._rate_limit.admits():
            return _text(429)
        if self._token_of(request) != self._token:
            return _text(401)
        return self._serve(self._decode(request.path))

    @staticmethod
    def _token_of(request: Request) -> str | None:
        """Returns the token in the header, or without that header the token in the query, or None."""
        header = request.headers.get("Authorization", "")
        return header.removeprefix("Bearer ") if header.startswith("Bearer ") else request.parameter("token")

    def _decode(self, raw_path: str) -> str:
        """Returns the decoded path. Raises HangUpError if the percent-encoding is malformed.

        The real server crashes on such a path, which closes all its connections.
        """
        try:
            if not BROKEN_ESCAPE.search(raw_path):
                return unquote_to_bytes(raw_path).decode()
        except UnicodeDecodeError:
            pass  # the real server's decodeURIComponent throws for bytes that are not UTF-8, too
        self._hits.count_malformed_path()
        raise HangUpError

    def _serve(self, path: str) -> Reply:
        normal_path = posixpath.normpath(ROOT + path)
        # Compared without a closing slash, like the real server's check.
        if normal_path == ROOT or not normal_path.startswith(ROOT):
            return _text(403)
        server, _, media_id = normal_path.removeprefix(f"{ROOT}/").partition("/")
        media = Media(server, media_id)
        return self._faults.of_image(media.key).apply(lambda: self._read(media), _text)

    def _read(self, media: Media) -> Reply:
        image = self._account.read_from_disk(media)
        if image is not None:
            self._hits.count_image(media.key)
            return Reply(200, image, CORS_HEADERS | FILE_HEADERS)
        is_directory = not media.media_id and self._account.has_folder(media.server)
        return _text(403, DIRECTORY_MESSAGE) if is_directory else _text(404)


def _text(status: int, message: str | None = None) -> Reply:
    body = (message or MESSAGES[status]).encode()
    return Reply(status, body, {**CORS_HEADERS, "Content-Type": "text/plain"})
