"""What the system speaks of: chats, their people, and the cached copy of each image. Pure data."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from imagecache.validators import NO_VALIDATORS, Validators

Clock = Callable[[], int]
"""Milliseconds since 1970, as in every table. Handed in, so that tests can set it."""

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


class Role(StrEnum):
    """Whose token a request carries."""

    NONE = "none"
    READ = "read"
    ADMIN = "admin"


class JobKind(StrEnum):
    """What goes on in the background."""

    SYNC = "sync"
    BACKFILL = "backfill"
    RETRY_FAILED = "retry-failed"
    CLEANUP = "cleanup"
    REDRIVE = "redrive"


class JobStatus(StrEnum):
    """How a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ContactSource(StrEnum):
    """Who keeps a contact: the owner, by hand, or Dex."""

    MANUAL = "manual"
    DEX = "dex"


class Folder(StrEnum):
    """Which list a chat stands in."""

    INBOX = "inbox"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """What a picture's URL amounts to: its key, or the reason why it has none."""

    key: str | None
    rejected: RejectionReason | None = None


@dataclass(frozen=True, slots=True)
class Participant:
    """A member of a chat: only the id is stable and always there. `image` is what `img_url` amounts to.

    `contact_id` and `contact_image_key` are the contact that this is, and that contact's picture, as sync has
    decided; Beeper knows nothing of them.
    """

    participant_id: str
    full_name: str | None
    username: str | None
    phone_number: str | None
    email: str | None
    is_self: bool
    is_network_bot: bool
    img_url: str | None
    image: ImageRef | None
    contact_id: str | None = None
    contact_image_key: str | None = None


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat with the participants listed. `last_activity` is in ms, 0 when Beeper does not say."""

    chat_id: str
    account_id: str
    network: str | None
    type: str
    title: str | None
    description: str | None
    last_activity: int
    unread_count: int
    is_archived: bool
    is_muted: bool
    is_pinned: bool
    last_message: str | None
    merged_into: str | None
    img_url: str | None
    image: ImageRef | None
    participants: tuple[Participant, ...]
    participant_count: int
    has_more_participants: bool

    @property
    def folder(self) -> Folder | None:
        """Where it is listed; nowhere when it is shown by the chat it was merged into."""
        if self.merged_into is not None:
            return None
        return Folder.ARCHIVE if self.is_archived else Folder.INBOX


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
class ImageRequest:
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
