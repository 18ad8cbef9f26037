"""The parts of the API's answers that this command shows. Times are ISO 8601 texts in UTC, sizes are bytes.

Classes have the names of the API's own shapes. Fields have its field names in snake case, on which reading.py
relies.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as pages show it. `source` says whose it is, `url` is None unless there is a copy."""

    status: str
    source: str | None
    url: str | None
    width: int | None
    height: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat. `facepile` holds up to four members' pictures for a group without one of its own."""

    chat_id: str
    account_id: str
    network: str | None
    type: str
    title: str | None
    last_activity: str | None
    unread_count: int
    is_archived: bool
    is_pinned: bool
    image: Image
    facepile: list[Image]
    participant_count: int


@dataclass(frozen=True, slots=True)
class Chats:
    """A page of chats, the newest first."""

    chats: list[Chat]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Images:
    """Pictures by their source URL."""

    images: dict[str, Image]


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image as the cache stores it. `next_attempt_at` is None if it is not tried again."""

    source_url: str | None
    status: str
    reason: str | None
    failed_at: str | None
    next_attempt_at: str | None


@dataclass(frozen=True, slots=True)
class ImageRows:
    """A page of images in one state."""

    images: list[ImageRow]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Reference:
    """A place that shows a picture which is not cached: a chat (`participant_id` None) or one of its members.

    `source` says whose picture it is. It is None from an older API, which lists no contacts' pictures.
    """

    chat_id: str
    participant_id: str | None
    full_name: str | None
    source: str | None
    source_url: str
    status: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class References:
    """A page of places that show a picture which is not cached."""

    references: list[Reference]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A place that shows a picture: a chat (`participant_id` None) or one of its members."""

    chat_id: str
    chat_title: str | None
    participant_id: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """The story of one image. `summary` tells it in sentences."""

    source_url: str
    status: str
    summary: list[str]
    shown_by: list[Shown]
    more_shown_by: bool


@dataclass(frozen=True, slots=True)
class Origin:
    """Beeper's state as the last sync saw it: ok, offline, unauthorized or unknown."""

    state: str
    since: str | None
    checked_at: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the connection to Beeper, as the last sync found it."""

    origin: Origin


@dataclass(frozen=True, slots=True)
class Deduplication:
    """The downloads that were not needed because several places show the same image."""

    references: int
    images: int
    blobs: int
    downloads_saved: int
    bytes_saved: int


@dataclass(frozen=True, slots=True)
class LastSync:
    """The times at which sync last succeeded, and last read every chat."""

    succeeded_at: str | None
    completed_at: str | None


@dataclass(frozen=True, slots=True)
class Storage:
    """The size of the stored files, as the last sweep counted them."""

    original_bytes: int | None
    served_bytes: int | None


@dataclass(frozen=True, slots=True)
class LastSweep:
    """The result of the last sweep. `refused` lists its reasons to delete nothing, or nothing more."""

    finished_at: str | None
    refused: list[str]
    deleted: int | None
    bytes_freed: int | None


@dataclass(frozen=True, slots=True)
class Stats:
    """The contents of the cache in numbers. `orphaned` counts images that are no longer shown."""

    total_cached_images: int
    total_chats_with_images: int
    total_storage_bytes: int
    pending: int
    failed: int
    failed_by_reason: dict[str, int]
    orphaned: int | None
    storage: Storage
    deduplication: Deduplication
    last_sync: LastSync
    last_sweep: LastSweep
    origin: Origin


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job has been started."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job. `result` is filled when the job is done; `progress` of a backfill still changes after that."""

    job_id: str
    kind: str
    status: str
    progress: dict[str, int]
    result: dict[str, str | int | bool | list[str] | dict[str, int | float]]

    @property
    def is_over(self) -> bool:
        """True if the job itself has nothing left to do."""
        return self.status in {"done", "failed"}

    def count(self, name: str) -> int:
        """Returns a number of the progress, 0 if the job has not counted it yet."""
        return self.progress.get(name, 0)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """An image was deleted. `edge` says whether CloudFront deletes its copies: told, not_told or not_needed.

    It is None from an older API.
    """

    deleted_versions: int
    edge: str | None


@dataclass(frozen=True, slots=True)
class Clash:
    """An identifier of a contact that another contact holds already."""

    kind: str
    value: str
    held_by: str
    held_by_name: str | None


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact. `identifiers` are listed by kind, `source` says who keeps the contact: manual or dex."""

    contact_id: str
    full_name: str | None
    image_url: str | None
    identifiers: dict[str, list[str]]
    participant_ids: list[str]
    source: str
    image: Image
    clashes: list[Clash]


@dataclass(frozen=True, slots=True)
class Contacts:
    """A page of contacts."""

    contacts: list[Contact]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ContactDetail:
    """A contact, and the members of chats that it is linked to."""

    contact: Contact
    linked: list[Shown]
    more_linked: bool


@dataclass(frozen=True, slots=True)
class ContactPut:
    """A contact was stored. `job_id` is the sync that links it, None if none was started."""

    contact: Contact
    job_id: str | None


@dataclass(frozen=True, slots=True)
class ContactRemoved:
    """A contact was removed. `job_id` is the sync that unlinks it."""

    job_id: str
