"""What is read of the API's answers, as far as it is shown. Moments are ISO 8601 texts in UTC."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Image:
    status: str
    source: str | None
    url: str | None
    width: int | None
    height: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Chat:
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
    chats: list[Chat]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Images:
    """By source URL."""

    images: dict[str, Image]


@dataclass(frozen=True, slots=True)
class ImageRow:
    source_url: str | None
    status: str
    reason: str | None
    failed_at: str | None
    next_attempt_at: str | None


@dataclass(frozen=True, slots=True)
class ImageRows:
    images: list[ImageRow]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Reference:
    """A chat (`participant_id` None) or a member of it that shows a picture which is not cached.

    `source` is whose picture it is, None from an API that lists no contacts' pictures.
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
    references: list[Reference]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    chat_id: str
    chat_title: str | None
    participant_id: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """`summary` tells in sentences what the other fields of the answer say."""

    source_url: str
    status: str
    summary: list[str]
    shown_by: list[Shown]
    more_shown_by: bool


@dataclass(frozen=True, slots=True)
class Origin:
    """How Beeper answered sync when it was last asked."""

    state: str
    since: str | None
    checked_at: str | None


@dataclass(frozen=True, slots=True)
class Health:
    origin: Origin


@dataclass(frozen=True, slots=True)
class Deduplication:
    references: int
    images: int
    blobs: int
    downloads_saved: int
    bytes_saved: int


@dataclass(frozen=True, slots=True)
class LastSync:
    succeeded_at: str | None
    completed_at: str | None


@dataclass(frozen=True, slots=True)
class Storage:
    """In bytes, as the last sweep counted them."""

    original_bytes: int | None
    served_bytes: int | None


@dataclass(frozen=True, slots=True)
class LastSweep:
    """Before the first one there is no `finished_at`."""

    finished_at: str | None
    refused: list[str]
    deleted: int | None
    bytes_freed: int | None


@dataclass(frozen=True, slots=True)
class Stats:
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
    job_id: str


@dataclass(frozen=True, slots=True)
class Job:
    """`result` stands once the job is done, and for some kinds `progress` goes on changing after that."""

    job_id: str
    kind: str
    status: str
    progress: dict[str, int]
    result: dict[str, str | int | bool | list[str] | dict[str, int | float]]

    @property
    def is_over(self) -> bool:
        return self.status in {"done", "failed"}

    def count(self, name: str) -> int:
        """A number of its progress; 0 before the job has told it."""
        return self.progress.get(name, 0)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """`edge`: told, not_told or not_needed; None from an API that says nothing of CloudFront."""

    deleted_versions: int
    edge: str | None


@dataclass(frozen=True, slots=True)
class Clash:
    """An identifier that another contact holds, whose claim is older."""

    kind: str
    value: str
    held_by: str
    held_by_name: str | None


@dataclass(frozen=True, slots=True)
class Contact:
    """`identifiers` by their kind."""

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
    contacts: list[Contact]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ContactDetail:
    contact: Contact
    linked: list[Shown]
    more_linked: bool


@dataclass(frozen=True, slots=True)
class ContactPut:
    """`job_id` None: no sync was wanted."""

    contact: Contact
    job_id: str | None


@dataclass(frozen=True, slots=True)
class ContactRemoved:
    job_id: str
