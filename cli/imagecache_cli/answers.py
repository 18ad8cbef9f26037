"""The parts of the API's answers that this command shows. Times are ISO 8601 texts in UTC, sizes in bytes.

The classes have the names of the API's shapes, and their fields the API's field names in snake case. The API
leaves out what is null, false, 0 or empty in some shapes; such a field has its default.
reading.py depends on these field names. docs/openapi.json describes all fields.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as pages show it. `source` says whose picture it is. `url` is None if it is not cached."""

    status: str
    source: str | None
    url: str | None
    width: int | None
    height: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Participant:
    """A member of a chat. `is_self` is True for the owner.

    `participant_id` is None if the request has not asked for all fields of participants.
    """

    participant_id: str | None
    full_name: str | None
    is_self: bool = False


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat. `facepile` has up to four members' pictures if the chat is a group without a cached picture.

    `participants` has as many members as the request has asked for.
    """

    chat_id: str
    account_id: str
    network: str | None
    type: str
    title: str | None
    last_activity: str | None
    image: Image
    participant_count: int
    unread_count: int = 0
    is_archived: bool = False
    is_pinned: bool = False
    is_marked_unread: bool = False
    facepile: list[Image] = field(default_factory=list)
    participants: list[Participant] = field(default_factory=list)


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
    """The stored state of an image. `next_attempt_at` is None if the image is not tried again."""

    source_url: str | None
    status: str
    reason: str | None
    failed_at: str | None
    next_attempt_at: str | None


@dataclass(frozen=True, slots=True)
class ImageRows:
    """A page of images with one status."""

    images: list[ImageRow]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Reference:
    """A place that shows a picture which is not cached: a chat (`participant_id` None) or one of its members.

    `source` says whose picture it is. It is None if the API is older and does not list contacts' pictures.
    `chat_title` is None if the chat has none, or if the API is older.
    """

    chat_id: str
    participant_id: str | None
    full_name: str | None
    source: str | None
    source_url: str
    status: str
    reason: str | None
    chat_title: str | None = None


@dataclass(frozen=True, slots=True)
class References:
    """A page of places that show a picture which is not cached."""

    references: list[Reference]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture that a chat (`participant_id` None) or one of its members may show.

    `source` says whose picture it is. Of several pictures of one place, pages show the one with `is_shown`.
    """

    chat_id: str
    chat_title: str | None
    participant_id: str | None
    full_name: str | None
    source: str
    source_url: str
    status: str
    reason: str | None
    cached_at: str | None
    is_shown: bool


@dataclass(frozen=True, slots=True)
class ShownPictures:
    """A page of pictures that were found by a name."""

    pictures: list[ShownPicture]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A place that shows a picture: a chat (`participant_id` None) or one of its members."""

    chat_id: str
    chat_title: str | None
    participant_id: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """The state and the history of one image. `summary` explains them in sentences."""

    source_url: str
    status: str
    summary: list[str]
    shown_by: list[Shown]
    more_shown_by: bool


@dataclass(frozen=True, slots=True)
class Origin:
    """The state of Beeper at the last sync: ok, offline, unauthorized or unknown."""

    state: str
    since: str | None
    checked_at: str | None


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent on Beeper's computer: `running`, `stopped`, `silent` or `never` seen."""

    state: str
    since: str | None
    last_seen_at: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """The answer of `/api/status`: the state of Beeper at the last sync, and of the agent if there is one."""

    origin: Origin
    agent: Agent | None


@dataclass(frozen=True, slots=True)
class Deduplication:
    """The downloads and bytes that were saved because several places show the same image."""

    references: int
    images: int
    blobs: int
    downloads_saved: int
    bytes_saved: int


@dataclass(frozen=True, slots=True)
class LastSync:
    """The times of the last successful sync, and of the last one of the whole list of chats."""

    succeeded_at: str | None
    completed_at: str | None


@dataclass(frozen=True, slots=True)
class Storage:
    """The size of the stored files, counted by the last sweep."""

    original_bytes: int | None
    served_bytes: int | None


@dataclass(frozen=True, slots=True)
class LastSweep:
    """The result of the last sweep. `refused` has the reasons for which it deleted nothing, or stopped."""

    finished_at: str | None
    refused: list[str]
    deleted: int | None
    bytes_freed: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """An account in Beeper. `text` and `advice` explain its status, which it has had since `since`.

    `waiting` is the number of its chats' pictures that are not cached, None if the account needs no person.
    """

    account_id: str
    network: str | None
    status: str
    status_text: str | None
    since: str | None
    needs_person: bool
    text: str
    advice: str | None
    waiting: int | None


@dataclass(frozen=True, slots=True)
class Stats:
    """The counts of the cache. `orphaned` is the number of images that are no longer shown.

    `accounts` is None if the API is older.
    """

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
    accounts: list[Account] | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job that a request has started."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job. `result` is empty until the job is done. A backfill's `progress` changes even afterwards."""

    job_id: str
    kind: str
    status: str
    progress: dict[str, int]
    result: dict[str, str | int | bool | list[str] | dict[str, int | float]]

    @property
    def is_over(self) -> bool:
        """True if the job is done or has failed. Images that it has queued may still wait."""
        return self.status in {"done", "failed"}

    def count(self, name: str) -> int:
        """Returns a count of the progress, 0 if the job has not counted anything under this name."""
        return self.progress.get(name, 0)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """An image was deleted. `edge` says whether CloudFront deletes its copies: told, not_told or not_needed.

    `hidden_objects` counts what was stored just now, and is deleted by the sweep after a day. It is 0, and
    `edge` is None, if the API is older.
    """

    deleted_versions: int
    edge: str | None
    hidden_objects: int = 0


@dataclass(frozen=True, slots=True)
class FormerPicture:
    """A picture of a person whose URL Beeper does not send for this member.

    `last_named` is None if Beeper may still send it for another chat. `is_chosen` is True for the picture
    that an operator has chosen.
    """

    source_url: str
    image: Image
    first_seen: str | None
    last_named: str | None
    is_shown: bool
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class FormerPictures:
    """The former pictures of a member, the chosen one first, then those that Beeper has sent last."""

    participant_id: str
    full_name: str | None
    pictures: list[FormerPicture]


@dataclass(frozen=True, slots=True)
class PictureChosen:
    """A former picture was chosen. The sync `job_id` shows it in the chats."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Clash:
    """An identifier of a contact that another contact holds already."""

    kind: str
    value: str
    held_by: str
    held_by_name: str | None


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact. `identifiers` are by kind. `source` is manual (put by the owner), dex or beeper."""

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
    """A contact was stored. `job_id` is the sync that links it with members, None if none was started."""

    contact: Contact
    job_id: str | None


@dataclass(frozen=True, slots=True)
class ContactRemoved:
    """A contact was removed. `job_id` is the sync that removes its links with members."""

    job_id: str
