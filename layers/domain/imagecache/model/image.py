"""Images: their states, their stored content, and the message that asks for a download."""

from dataclasses import dataclass
from enum import StrEnum

SIZES = (96, 192, 640)
"""The longest side of each stored WebP, in pixels; never enlarged."""


class ImageStatus(StrEnum):
    """The state of a row in cachedImages."""

    PENDING = "pending"
    CACHED = "cached"
    FAILED = "failed"
    FORGOTTEN = "forgotten"


class RejectionReason(StrEnum):
    """Why a source URL has no key and is never fetched."""

    MALFORMED = "malformed"
    OUTSIDE_MEDIA_FOLDER = "outside_media_folder"
    TOO_LONG = "too_long"
    UNSUPPORTED_SCHEME = "unsupported_scheme"


class FailureReason(StrEnum):
    """Why an image is not cached. Decides when, and whether, it is tried again."""

    GONE = "gone"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    UNSUPPORTED_HEIC = "unsupported_heic"
    UNSUPPORTED_SVG = "unsupported_svg"
    UNDECODABLE = "undecodable"
    TOO_LARGE = "too_large"
    CRASHED = "crashed"
    ORIGIN_DOWN = "origin_down"


class OriginName(StrEnum):
    """Where an image's bytes come from."""

    BEEPER = "beeper"
    MEDIA_SERVER = "media_server"
    WEB = "web"
    DATA = "data"


class OriginOrder(StrEnum):
    """Which of the two Beeper origins is asked first; the other one is the fallback."""

    BEEPER_FIRST = "beeper-first"
    MEDIA_SERVER_FIRST = "media-server-first"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """What a picture's URL amounts to: its key, or the reason why it has none."""

    key: str | None
    rejected: RejectionReason | None = None


@dataclass(frozen=True, slots=True)
class Validators:
    """The names of one version, as its server said them."""

    etag: str | None = None
    last_modified: str | None = None

    def conditions(self) -> dict[str, str]:
        """Headers that ask for any other version, §13.1: whoever knows the first ignores the second."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in asked.items() if value}

    def confirmed(self, said: "Validators") -> "Validators | None":
        """This version's names after a 304 with those; None when it speaks of another (RFC 9111 §4.3.4)."""
        if self.etag and said.etag and self.etag.removeprefix("W/") != said.etag.removeprefix("W/"):
            return None
        return Validators(said.etag or self.etag, said.last_modified or self.last_modified)


NO_VALIDATORS = Validators()


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an origin gave, and how it names this version."""

    content: bytes
    validators: Validators = NO_VALIDATORS


@dataclass(frozen=True, slots=True)
class Unchanged:
    """An origin still has the version it was asked about, and how it names that from now on."""

    validators: Validators


@dataclass(frozen=True, slots=True)
class Blob:
    """Stored content: where it lies, and what the original was."""

    blob_id: str
    content_type: str
    file_size: int
    width: int
    height: int
    placeholder: str = ""
    color: str = ""
    validators: Validators = NO_VALIDATORS


@dataclass(frozen=True, slots=True)
class Picture:
    """An original decoded once: its true type and size in pixels, and the WebP of each of SIZES.

    `placeholder` is a ThumbHash in base64, `color` the dominant one as `#rrggbb`.
    """

    content_type: str
    width: int
    height: int
    thumbnails: dict[int, bytes]
    placeholder: str
    color: str


@dataclass(frozen=True, slots=True)
class ImageView:
    """What a page needs of a cachedImages row; `blob_id` is set when there is a copy to show."""

    status: ImageStatus
    blob_id: str | None = None
    width: int | None = None
    height: int | None = None
    reason: str | None = None
    placeholder: str | None = None
    color: str | None = None


@dataclass(frozen=True, slots=True)
class ImageMessage:
    """A queue message: fetch this image. `queued_at` in ms is when it was first asked for.

    `deferrals` counts how often it was sent again because its origin was down.
    """

    image_key: str
    source_url: str
    queued_at: int
    deferrals: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One question to an origin, for the story of an image: when (ms), who was asked, and the answer."""

    at: int
    origin: str
    answer: str
