"""Images: their states, their stored content, and the queue message that requests a download.

Times are in milliseconds since 1970.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

SIZES = (96, 192, 640)
"""The sizes, in pixels, of the WebP files that are stored. `imaging/copies.py` says what a size means."""


class ImageStatus(StrEnum):
    """The state of a row in cachedImages."""

    PENDING = "pending"
    CACHED = "cached"
    FAILED = "failed"
    FORGOTTEN = "forgotten"


class RejectionReason(StrEnum):
    """The reason why a source URL has no key and is never fetched."""

    MALFORMED = "malformed"
    OUTSIDE_MEDIA_FOLDER = "outside_media_folder"
    TOO_LONG = "too_long"
    UNSUPPORTED_SCHEME = "unsupported_scheme"


class FailureReason(StrEnum):
    """The reason why an image could not be cached. rules/failure_reasons.py explains each reason."""

    GONE = "gone"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    UNSUPPORTED_HEIC = "unsupported_heic"
    UNSUPPORTED_SVG = "unsupported_svg"
    UNDECODABLE = "undecodable"
    TOO_LARGE = "too_large"
    CRASHED = "crashed"
    NOT_SERVED = "not_served"
    ORIGIN_DOWN = "origin_down"


class LocationKind(StrEnum):
    """The kind of place that a source URL points to."""

    BEEPER = "beeper"
    WEB = "web"
    DATA = "data"
    REJECTED = "rejected"


class OriginName(StrEnum):
    """A place from which images are fetched: Beeper, the media server, any web server, or a data URL."""

    BEEPER = "beeper"
    MEDIA_SERVER = "media_server"
    WEB = "web"
    DATA = "data"


class OriginOrder(StrEnum):
    """The order in which an image of Beeper is requested from Beeper and from the media server."""

    BEEPER_FIRST = "beeper-first"
    MEDIA_SERVER_FIRST = "media-server-first"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """The image key of a source URL, or the reason why the URL is rejected. The other field is None."""

    key: str | None
    rejected: RejectionReason | None = None


@dataclass(frozen=True, slots=True)
class ImageSource:
    """An image that can be fetched: its key and a source URL."""

    key: str
    source_url: str


def image_source(image: ImageRef | None, source_url: str | None) -> ImageSource | None:
    """Returns the image to fetch, or None if there is no URL or if the URL is rejected."""
    if image is None or image.key is None or source_url is None:
        return None
    return ImageSource(image.key, source_url)


@dataclass(frozen=True, slots=True)
class Validators:
    """The `ETag` and `Last-Modified` with which a web server identifies one version of an image."""

    etag: str | None = None
    last_modified: str | None = None

    def conditions(self) -> dict[str, str]:
        """Returns request headers that ask for the image only if it has changed (RFC 9110 §13.1).

        A server that supports If-None-Match ignores If-Modified-Since.
        """
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}

    def confirmed(self, answered: "Validators") -> "Validators | None":
        """Returns the validators to store after a 304 answer that had the validators `answered`.

        Returns None if the answer is for another version, which a 304 must not be (RFC 9111 §4.3.4).
        """
        if self.etag and answered.etag and self.etag.removeprefix("W/") != answered.etag.removeprefix("W/"):
            return None
        return Validators(answered.etag or self.etag, answered.last_modified or self.last_modified)


NO_VALIDATORS = Validators()


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes that an origin sent, and the validators of this version."""

    content: bytes
    validators: Validators = NO_VALIDATORS


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The origin still has the cached version. `validators` are to be stored for the next request."""

    validators: Validators


@dataclass(frozen=True, slots=True)
class Blob:
    """Stored content: its id, and the properties of the original, with its size in bytes and in pixels.

    `is_animated` means that a moving copy is stored, too.
    """

    blob_id: str
    content_type: str
    file_size: int
    width: int
    height: int
    placeholder: str = ""
    color: str = ""
    backdrop: str = ""
    is_animated: bool = False
    validators: Validators = NO_VALIDATORS


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded original: its true type, its size in pixels, and a WebP file for each of SIZES.

    `placeholder` is a ThumbHash in base64, `color` the dominant color as `#rrggbb`. `backdrop` is a color in
    the same form on which a transparent picture can be seen, or empty if the picture is opaque. `animated` is
    its moving copy, an animated WebP, or None if it has none.
    """

    content_type: str
    width: int
    height: int
    thumbnails: dict[int, bytes]
    placeholder: str
    color: str
    backdrop: str = ""
    animated: bytes | None = None


@dataclass(frozen=True, slots=True)
class ImageMessage:
    """A queue message that requests one image. `queued_at` (ms) is the time when the image was queued.

    `deferrals` is the number of times that the message was sent again because the origin was down.
    """

    image_key: str
    source_url: str
    queued_at: int
    deferrals: int = 0


@dataclass(frozen=True, slots=True)
class OriginAnswer:
    """The answer of an origin to one request for an image. `at` (ms) is the time of the answer."""

    at: int
    origin: str
    answer: str


@dataclass(frozen=True, slots=True)
class BadBytes:
    """The hash of bytes that could not be decoded, and the time of that failure (ms)."""

    content_hash: str
    failed_at: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure to cache an image, as its row records it.

    `next_attempt_at` is in ms, or retries.NEVER. `bad_bytes` is set if the downloaded bytes could not be
    decoded.
    """

    reason: FailureReason
    failed_at: int
    next_attempt_at: int
    bad_bytes: BadBytes | None = None


class ImageView(NamedTuple):
    """The fields of an image that a page shows. `blob_id` is None if there is no stored copy.

    `reason` is the value of a FailureReason, or of a RejectionReason if the URL is rejected.
    """

    status: ImageStatus
    blob_id: str | None = None
    width: int | None = None
    height: int | None = None
    reason: str | None = None
    placeholder: str | None = None
    color: str | None = None
    backdrop: str | None = None
    is_animated: bool = False


class ImageRecord(NamedTuple):
    """A row of cachedImages with the attributes that rules and operators use. Pages use ImageView instead.

    If the row does not have an attribute, or if it was not read, a number is 0, and any other field is None
    or empty. A method that reads only some attributes lists them in its docstring. `held_until` is the end of
    the lease of the worker that claimed the image last.

    This is a NamedTuple because the sweep creates one for every row, and creating a frozen dataclass with 22
    fields needs six times as long.
    """

    image_key: str
    status: ImageStatus
    source_url: str | None = None
    reason: FailureReason | None = None
    held_until: int = 0
    queued_at: int = 0
    next_attempt_at: int = 0
    refresh_requested_at: int = 0
    checked_at: int = 0
    cached_at: int = 0
    failed_at: int = 0
    looked_up_at: int = 0
    orphaned_at: int = 0
    attempts: int = 0
    failures: int = 0
    blob_id: str | None = None
    content_type: str | None = None
    file_size: int = 0
    is_animated: bool = False
    validators: Validators = NO_VALIDATORS
    bad_bytes: BadBytes | None = None
    history: tuple[OriginAnswer, ...] = ()
