"""Invented snapshot exports, in the format that imagecache_migration/convex_snapshot.py describes."""

import base64
import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

Json = dict[str, Any]

CACHED_AT = 1_762_900_000_123
"""The moment (ms) at which the original application had cached every image of these snapshots."""


def png(shade: int) -> bytes:
    """Returns a picture of one colour. Different shades have different bytes."""
    encoded = io.BytesIO()
    Image.new("RGB", (40, 20), (shade % 256, 80, 120)).save(encoded, "PNG")
    return encoded.getvalue()


def mxc(number: int) -> str:
    return f"mxc://local.beeper.com/alex_MediaId{number}"


def on_disk(number: int) -> str:
    return f"file:///Users/alex/Library/Application%20Support/BeeperTexts/media/local.beeper.com/alex_MediaId{number}"


def key(number: int) -> str:
    """Returns the image key of both `mxc(number)` and `on_disk(number)`."""
    return f"local.beeper.com/alex_MediaId{number}"


def chat(number: int, **fields: Any) -> Json:
    """Returns a single chat with Person `number`, as the last version of the original stored it."""
    return {
        "_id": f"chat{number}",
        "_creationTime": 1762900000000.5,
        "chatId": f"!{number}:beeper.local",
        "localChatID": str(number),
        "title": f"Person {number}",
        "network": "WhatsApp",
        "accountID": "whatsapp",
        "type": "single",
        "participantId": f"@{number}:beeper.local",
        "participantFullName": f"Person {number}",
        "participantImgURL": mxc(number),
        "participantCount": 2.0,
        "lastActivity": 1762900000000.0 - number,
        "unreadCount": 1.0,
        "lastMessage": "hello",
        "isArchived": False,
        "isMuted": False,
        "isPinned": number == 0,
        "lastSyncedAt": 1762900000000.0,
        "syncSource": "cron",
        **fields,
    }


def participant(chat_number: int, number: int, **fields: Any) -> Json:
    """Returns Person `number` as a member of a chat."""
    return {
        "_id": f"participant{chat_number}_{number}",
        "chatId": f"!{chat_number}:beeper.local",
        "participantId": f"@{number}:beeper.local",
        "fullName": f"Person {number}",
        "imgURL": mxc(number),
        "isSelf": False,
        "lastSyncedAt": 1762900000000.0,
        **fields,
    }


@dataclass
class Export:
    """The tables and the files of a snapshot. A test may change any of it before it is written."""

    tables: dict[str, list[Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def image(self, number: int, url: str | None = None, content: bytes | None = None, **stored: Any) -> None:
        """Adds a cached image with its stored file. `stored` are fields of the file's document."""
        content = png(number) if content is None else content
        document_id = f"image{len(self.table('cachedImages'))}"
        storage_id = f"kg{len(self.files)}"
        self.table("cachedImages").append(
            {
                "_id": document_id,
                "_creationTime": float(CACHED_AT),
                "sourceUrl": mxc(number) if url is None else url,
                "convexStorageId": storage_id,
                "convexUrl": "https://happy-otter-123.convex.cloud/api/storage/0a1b",
                "contentType": "application/octet-stream",
                "fileSize": float(len(content)),
                "cachedAt": float(CACHED_AT),
            }
        )
        self.table("_storage").append(
            {
                "_id": storage_id,
                "_creationTime": float(CACHED_AT),
                "sha256": base64.b64encode(hashlib.sha256(content).digest()).decode(),
                "size": len(content),
                "contentType": "application/octet-stream",
                "internalId": f"0a1b-{storage_id}",
                **stored,
            }
        )
        self.files[f"_storage/{storage_id}.bin"] = content

    def table(self, name: str) -> list[Any]:
        return self.tables.setdefault(name, [])

    def members(self) -> dict[str, bytes]:
        """Returns all files. A text in a table is written as a line of its own, exactly as it is."""
        tables = {
            f"{name}/documents.jsonl": "".join(
                (line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines
            ).encode()
            for name, lines in {"_storage": [], "cachedImages": [], **self.tables}.items()
        }
        schemas = {"cachedImages/generated_schema.jsonl": b'"uniform"\n'}
        return {"README.md": b"# Welcome\n", **tables, **schemas, **self.files}

    def zipped(self, path: Path) -> Path:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.members().items():
                archive.writestr(name, content)
        return path

    def unpacked(self, folder: Path) -> Path:
        for name, content in self.members().items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder
