"""Reads the original application's snapshot export: its cached images, its chats, and the images' bytes.

The format is that of the exporter (get-convex/convex-backend, crates/exports: export_storage.rs,
zip_uploader.rs, tests.rs) and of the application's schema.ts:

- `<table>/documents.jsonl`: one JSON object on each line, with `_id` and `_creationTime` (ms, a float).
  Numbers are floats, and a field that was never set is absent. `generated_schema.jsonl` beside it and the
  names of the tables in `_tables` are not needed. Tables of components are below `_components/<name>/`; the
  original application has none.
- `_storage/documents.jsonl`: `_id`, `_creationTime`, `sha256` (base64 with padding), `size` in bytes,
  `contentType`, and `internalId` (a UUID, which is what storage ids once were). Every field but `_id` may be
  null.
- `_storage/<_id>.<extension>`: the bytes. The extension is a guess from `contentType`, and often absent.
  These files exist only with `--include-file-storage`.
- `cachedImages`: sourceUrl, convexStorageId and cachedAt (ms). It also has convexUrl, contentType and
  fileSize, which are not read, because the bytes themselves are more reliable.
- `beeperChats`, `beeperParticipants`: Beeper's field names, except for the ids, the last message, and the
  person of a single chat (`participantId`, `participantFullName`, `participantImgURL`).
"""

import base64
import binascii
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from imagecache.errors import ImageFailedError, UnreadableChatError
from imagecache.model.chat import Chat
from imagecache.model.image import FailureReason
from imagecache.sources.beeper.chats import parse_chat
from imagecache.sources.transport import MAX_IMAGE_BYTES
from imagecache_migration.outcomes import FileProblem, SnapshotFileError
from imagecache_migration.snapshot_archive import Archive, Document, SnapshotError, read_documents, read_file

_SHA256_IN_HEX = re.compile(r"[0-9a-fA-F]{64}")
_STORED_FILE = re.compile(r"_storage/([A-Za-z0-9-]+)(\.[A-Za-z0-9+-]+)?")
_LARGEST_NUMBER = 2**53  # whole numbers up to this one are exact as floats
_UNKNOWN_SIZE = -1


@dataclass(frozen=True, slots=True)
class SnapshotImage:
    """A row of the original's cachedImages. `cached_at` is in ms, 0 if the row does not have it."""

    document_id: str
    source_url: str
    storage_id: str
    cached_at: int


@dataclass(frozen=True, slots=True)
class SnapshotChat:
    """A row of the original's beeperChats. `chat` is None if its id is missing or cannot be a key."""

    document_id: str
    chat: Chat | None


@dataclass(frozen=True, slots=True)
class _StoredFile:
    """A stored file as the snapshot describes it. `name` is None if the file itself is missing."""

    name: str | None
    sha256: bytes | None
    size: int


@dataclass(slots=True)
class Snapshot:
    """The content of a snapshot.

    `unreadable_lines` counts the lines that are not documents, by table. Two kinds of data are only counted,
    because this system does not store them: `cached_profile_image_urls`, URLs that an early version of the
    application stored in chats, and `pictures_without_person`, pictures in chats without the person's id.
    """

    archive: Archive
    images: list[SnapshotImage] = field(default_factory=list)
    chats: list[SnapshotChat] = field(default_factory=list)
    unreadable_lines: Counter[str] = field(default_factory=Counter)
    cached_profile_image_urls: int = 0
    pictures_without_person: int = 0
    files: dict[str, _StoredFile] = field(default_factory=dict)

    def read_original(self, image: SnapshotImage) -> bytes:
        """Returns the bytes of an image, and checks them with the size and the checksum in the snapshot.

        Raises SnapshotFileError if they differ or the file is missing, and ImageFailedError if it is too
        large.
        """
        stored_file = self.files.get(image.storage_id)
        if stored_file is None or stored_file.name is None:
            raise SnapshotFileError(FileProblem.MISSING)
        if stored_file.sha256 is None:
            raise SnapshotFileError(FileProblem.NO_CHECKSUM)
        content = read_file(self.archive, stored_file.name, most=MAX_IMAGE_BYTES)
        if content is None:
            raise SnapshotFileError(FileProblem.UNREADABLE)
        if len(content) > MAX_IMAGE_BYTES:
            raise ImageFailedError(FailureReason.TOO_LARGE)
        if stored_file.size not in {len(content), _UNKNOWN_SIZE}:
            raise SnapshotFileError(FileProblem.WRONG_SIZE)
        if hashlib.sha256(content).digest() != stored_file.sha256:
            raise SnapshotFileError(FileProblem.WRONG_CHECKSUM)
        return content


def read_snapshot(archive: Archive) -> Snapshot:
    """Reads everything except the images' bytes. Raises SnapshotError if it is not such a snapshot."""
    if "_storage/documents.jsonl" not in archive.names:
        raise SnapshotError(
            "it has no stored files: export it with `npx convex export --include-file-storage --path ...`"
        )
    if not archive.names & {"cachedImages/documents.jsonl", "beeperChats/documents.jsonl"}:
        raise SnapshotError(
            "it has neither cachedImages nor beeperChats:"
            " check that it is of the Convex application with your chats"
        )
    snapshot = Snapshot(archive)
    snapshot.files = _stored_files(snapshot)
    snapshot.images = [_image(document) for document in _documents(snapshot, "cachedImages")]
    members = _members_by_chat(snapshot)
    for document in _documents(snapshot, "beeperChats"):
        person = _person(document)
        has_person_picture = _text(document, "participantImgURL") != ""
        snapshot.cached_profile_image_urls += _text(document, "cachedProfileImageUrl") != ""
        snapshot.pictures_without_person += has_person_picture and not person
        snapshot.chats.append(_chat(document, person, members.get(_text(document, "chatId"), {})))
    return snapshot


def _documents(snapshot: Snapshot, table: str) -> Iterator[Document]:
    """Yields the documents of a table, if it exists. Counts lines that are not documents in `snapshot`."""
    name = f"{table}/documents.jsonl"
    if name not in snapshot.archive.names:
        return
    for document in read_documents(snapshot.archive, name):
        if document is None:
            snapshot.unreadable_lines[table] += 1
        else:
            yield document


def _stored_files(snapshot: Snapshot) -> dict[str, _StoredFile]:
    """Returns the stored files by `_id`, and by `internalId`, which very old rows of cachedImages contain."""
    names = {match[1]: match[0] for match in map(_STORED_FILE.fullmatch, snapshot.archive.names) if match}
    files: dict[str, _StoredFile] = {}
    for document in _documents(snapshot, "_storage"):
        document_id = _text(document, "_id")
        internal_id = _text(document, "internalId")
        stored_file = _StoredFile(
            name=names.get(document_id),
            sha256=_sha256(document),
            size=_number(document, "size", absent=_UNKNOWN_SIZE),
        )
        files |= {key: stored_file for key in (document_id, internal_id) if key}
    return files


def _sha256(document: Document) -> bytes | None:
    """Decodes the checksum, which may be in base64 or in hexadecimal. Returns None if it is not valid."""
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


def _members_by_chat(snapshot: Snapshot) -> dict[str, dict[str, Document]]:
    """Returns the members of each chat in Beeper's format, by chat id and participant id."""
    members: dict[str, dict[str, Document]] = {}
    for document in _documents(snapshot, "beeperParticipants"):
        participant_id = _text(document, "participantId")
        member = {**document, "id": participant_id}
        members.setdefault(_text(document, "chatId"), {})[participant_id] = member
    return members


def _chat(document: Document, person: Document, members: Mapping[str, Document]) -> SnapshotChat:
    """Returns a chat with its members. `person` is the other person of a single chat, or empty.

    The chat is read by the parser of Beeper's lists, so that the same texts, ids and URLs are accepted.
    """
    # The person must be the first member, because the cache shows the picture of the first member that is not
    # a bot, and the original's rows do not mark bots.
    first = {person["id"]: {**members.get(person["id"], {}), **person}} if person else {}
    items = [*(first | dict(members) | first).values()]
    beeper_json = {
        **document,
        "id": document.get("chatId"),
        "preview": {"text": document.get("lastMessage")},
        "participants": {"items": items, "total": document.get("participantCount")},
    }
    document_id = _text(document, "_id")
    try:
        return SnapshotChat(document_id, parse_chat(beeper_json))
    except UnreadableChatError:
        return SnapshotChat(document_id, None)


def _person(document: Document) -> Document:
    """Returns the fields about the other person in a single chat's row, or {} without the person's id."""
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
    """Returns the text in a field, or an empty text if the field is missing or is not a text."""
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _number(document: Document, name: str, *, absent: int = 0) -> int:
    """Returns the whole number (0 or more) in a field, or `absent` if there is none.

    Numbers of Convex are floats, and in some exports texts.
    """
    value = document.get(name)
    try:
        number = int(float(value)) if isinstance(value, str | int | float) else absent
    except (ValueError, OverflowError):
        return absent
    return number if 0 <= number <= _LARGEST_NUMBER else absent
