"""The original application's snapshot export → its cached images, its chats and the images' bytes.

The format, from the source of the exporter (get-convex/convex-backend, crates/exports: export_storage.rs,
zip_uploader.rs, tests.rs) and the application's own schema.ts:

- `<table>/documents.jsonl`: a JSON object a line, with `_id` and `_creationTime` (ms, a float); numbers are
  floats, and a field that was never set is absent. `generated_schema.jsonl` beside it, and the tables' names
  in `_tables`, are not needed. Tables of components lie below `_components/<name>/` and are none of ours.
- `_storage/documents.jsonl`: `_id`, `_creationTime`, `sha256` (base64 with padding), `size` in bytes,
  `contentType`, `internalId` (a UUID: what storage ids once were). Every field but `_id` may be null.
- `_storage/<_id>.<extension>`: the bytes; the extension is a guess by `contentType`, and often absent. They
  are there only with `--include-file-storage`.
- `cachedImages`: sourceUrl, convexStorageId, cachedAt (ms); what convexUrl, contentType and fileSize say, the
  bytes say better.
- `beeperChats`, `beeperParticipants`: Beeper's own field names, but for the ids, the last message and what a
  chat knows of the one person it is with (`participantId`, `participantFullName`, `participantImgURL`).
"""

import base64
import binascii
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from imagecache.errors import ImageCacheError, UnreadableChatError
from imagecache.model.chat import Chat
from imagecache.sources.beeper.chat_json import parse_chat
from imagecache.sources.transport import MAX_IMAGE_BYTES
from imagecache_migration.snapshot_archive import Archive, Document, SnapshotError, read_documents, read_file

_SHA256_IN_HEX = re.compile(r"[0-9a-fA-F]{64}")
_STORED_FILE = re.compile(r"_storage/([A-Za-z0-9-]+)(\.[A-Za-z0-9+-]+)?")
_LARGEST = 2**53  # exact in a float
_UNKNOWN = -1


class FileTrouble(StrEnum):
    """Why a stored file is not taken."""

    MISSING = "file_missing"
    UNREADABLE = "file_unreadable"
    UNVERIFIABLE = "no_checksum"
    WRONG_SIZE = "wrong_size"
    WRONG_CHECKSUM = "wrong_checksum"
    TOO_LARGE = "too_large"


class SnapshotFileError(ImageCacheError):
    """A stored file that is absent, damaged or not what the snapshot says it is."""

    def __init__(self, trouble: FileTrouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class SnapshotImage:
    """A row of the original's cachedImages; `cached_at` in ms, 0 when it does not say."""

    document_id: str
    source_url: str
    storage_id: str
    cached_at: int


@dataclass(frozen=True, slots=True)
class SnapshotChat:
    """A row of the original's beeperChats; None for a chat without an id that can be a key."""

    document_id: str
    chat: Chat | None


@dataclass(frozen=True, slots=True)
class _StoredFile:
    """What the snapshot says of a file (a size of -1: nothing), and where it is, if it is there."""

    name: str | None
    sha256: bytes | None
    size: int


@dataclass(slots=True)
class Snapshot:
    """`unreadable` counts lines that are no document, by table; `left_out` what has no place here."""

    archive: Archive
    images: list[SnapshotImage] = field(default_factory=list)
    chats: list[SnapshotChat] = field(default_factory=list)
    unreadable: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    files: dict[str, _StoredFile] = field(default_factory=dict)

    def original(self, image: SnapshotImage) -> bytes:
        """The bytes, which are what the snapshot says they are. Raises SnapshotFileError."""
        known = self.files.get(image.storage_id)
        if known is None or known.name is None:
            raise SnapshotFileError(FileTrouble.MISSING)
        if known.sha256 is None:
            raise SnapshotFileError(FileTrouble.UNVERIFIABLE)
        content = read_file(self.archive, known.name, most=MAX_IMAGE_BYTES)
        if content is None:
            raise SnapshotFileError(FileTrouble.UNREADABLE)
        if len(content) > MAX_IMAGE_BYTES:
            raise SnapshotFileError(FileTrouble.TOO_LARGE)
        if known.size not in {len(content), _UNKNOWN}:
            raise SnapshotFileError(FileTrouble.WRONG_SIZE)
        if hashlib.sha256(content).digest() != known.sha256:
            raise SnapshotFileError(FileTrouble.WRONG_CHECKSUM)
        return content


def read_snapshot(archive: Archive) -> Snapshot:
    """Everything but the bytes. Raises SnapshotError."""
    if "_storage/documents.jsonl" not in archive.names:
        raise SnapshotError(
            "no stored files in it: export with `npx convex export --include-file-storage --path ...`"
        )
    if not archive.names & {"cachedImages/documents.jsonl", "beeperChats/documents.jsonl"}:
        raise SnapshotError("neither cachedImages nor beeperChats in it: is it another application's?")
    snapshot = Snapshot(archive)
    snapshot.files = _files(snapshot)
    snapshot.images = [_image(document) for document in _documents(snapshot, "cachedImages")]
    members = _members(snapshot)
    snapshot.chats = [
        _chat(document, members, snapshot.left_out) for document in _documents(snapshot, "beeperChats")
    ]
    return snapshot


def _documents(snapshot: Snapshot, table: str) -> Iterator[Document]:
    name = f"{table}/documents.jsonl"
    if name not in snapshot.archive.names:
        return
    for document in read_documents(snapshot.archive, name):
        if document is None:
            snapshot.unreadable[table] += 1
        else:
            yield document


def _files(snapshot: Snapshot) -> dict[str, _StoredFile]:
    """By the id that a row of cachedImages names: `_id`, or `internalId` in very old rows."""
    names = {match[1]: match[0] for match in map(_STORED_FILE.fullmatch, snapshot.archive.names) if match}
    files: dict[str, _StoredFile] = {}
    for document in _documents(snapshot, "_storage"):
        document_id = _text(document, "_id")
        stored = _StoredFile(
            names.get(document_id), _sha256(document), _number(document, "size", absent=_UNKNOWN)
        )
        files |= {name: stored for name in (document_id, _text(document, "internalId")) if name}
    return files


def _sha256(document: Document) -> bytes | None:
    text = _text(document, "sha256")
    if _SHA256_IN_HEX.fullmatch(text):
        return bytes.fromhex(text)
    try:
        digest = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return digest if len(digest) == hashlib.sha256().digest_size else None


def _image(document: Document) -> SnapshotImage:
    return SnapshotImage(
        document_id=_text(document, "_id"),
        source_url=_text(document, "sourceUrl"),
        storage_id=_text(document, "convexStorageId"),
        cached_at=_number(document, "cachedAt") or _number(document, "_creationTime"),
    )


def _members(snapshot: Snapshot) -> dict[str, dict[str, Document]]:
    """Chat id → participant id → the participant, as Beeper would list it."""
    found: dict[str, dict[str, Document]] = {}
    for document in _documents(snapshot, "beeperParticipants"):
        participant_id = _text(document, "participantId")
        found.setdefault(_text(document, "chatId"), {})[participant_id] = {**document, "id": participant_id}
    return found


def _chat(
    document: Document, members: Mapping[str, dict[str, Document]], left_out: Counter[str]
) -> SnapshotChat:
    """Read as Beeper's own lists are, so that the same texts, ids and URLs are taken."""
    left_out["cachedProfileImageUrl"] += _text(document, "cachedProfileImageUrl") != ""
    person = _person(document)
    left_out["pictureOfNobody"] += not person and _text(document, "participantImgURL") != ""
    roster = members.get(_text(document, "chatId"), {})
    # First, as the original had chosen whom to show: the rows do not say who is a network's bot.
    first = {person["id"]: {**roster.get(person["id"], {}), **person}} if person else {}
    items = [*(first | roster | first).values()]
    listed = {
        **document,
        "id": document.get("chatId"),
        "preview": {"text": document.get("lastMessage")},
        "participants": {"items": items, "total": document.get("participantCount")},
    }
    try:
        return SnapshotChat(_text(document, "_id"), parse_chat(listed))
    except UnreadableChatError:
        return SnapshotChat(_text(document, "_id"), None)


def _person(document: Document) -> Document:
    """The one person a single chat is with, as far as the chat's own row knows them; empty without an id."""
    if document.get("type") == "group" or not _text(document, "participantId"):
        return {}
    fields = {
        "id": document["participantId"],
        "fullName": document.get("participantFullName"),
        "imgURL": document.get("participantImgURL"),
        **{name: document.get(name) for name in ("username", "phoneNumber", "email")},
    }
    return {name: value for name, value in fields.items() if value}


def _text(document: Document, name: str) -> str:
    """Empty when it is absent or no text."""
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _number(document: Document, name: str, *, absent: int = 0) -> int:
    """Convex's numbers are floats, in some exports texts."""
    value = document.get(name)
    try:
        number = int(float(value)) if isinstance(value, str | int | float) else absent
    except (ValueError, OverflowError):
        return absent
    return number if 0 <= number <= _LARGEST else absent
