"""One example of every answer, as the API's contract has it."""

from typing import Any

Json = dict[str, Any]

ADA = "mxc://beeper.local/ada_MediaId"
BOB = "file:///Users/me/media/beeper.local/bob_MediaId"

CACHED: Json = {
    "status": "cached",
    "source": "chat",
    "url": "/images/00ff/192.webp",
    "width": 640,
    "height": 480,
    "placeholder": "3OcRJYB4d3h/iIeHeEh3eIhw+j2w",
    "color": "#204060",
}
FAILED: Json = {"status": "failed", "source": "chat", "initials": "AL", "reason": "gone"}
NONE: Json = {"status": "none", "initials": "AL"}

CHAT: Json = {
    "chatId": "!ada:beeper.local",
    "accountId": "whatsapp_1",
    "network": "WhatsApp",
    "type": "single",
    "title": "Ada Lovelace",
    "lastActivity": "2026-11-25T09:30:00Z",
    "unreadCount": 3,
    "isPinned": True,
    "lastMessage": "see you",
    "image": CACHED,
    "participantCount": 2,
    "hasMoreParticipants": True,
}
GROUP: Json = {
    "chatId": "!group:beeper.local",
    "accountId": "whatsapp_1",
    "type": "group",
    "isPinned": True,
    "image": NONE,
    "facepile": [CACHED, FAILED, CACHED],
    "participantCount": 1204,
}

REFERENCE: Json = {
    "chatId": "!ada:beeper.local",
    "chatTitle": "Ada Lovelace",
    "participantId": "@bob:beeper.local",
    "fullName": "Bob Bitty",
    "source": "participant",
    "sourceUrl": BOB,
    "status": "failed",
    "reason": "gone",
}

SHOWN_PICTURE: Json = {
    **REFERENCE,
    "status": "cached",
    "reason": None,
    "cachedAt": "2026-11-25T08:01:00Z",
    "isShown": True,
}

FAILED_ROW: Json = {
    "sourceUrl": BOB,
    "status": "failed",
    "reason": "gone",
    "queuedAt": "2026-11-25T08:00:00Z",
    "failedAt": "2026-11-25T08:01:00Z",
    "nextAttemptAt": "2026-11-26T08:01:00Z",
    "cachedAt": None,
    "contentType": None,
    "fileSize": None,
    "url": None,
}

STORY: Json = {
    "sourceUrl": BOB,
    "source": "beeper",
    "status": "failed",
    "reason": "gone",
    "summary": ["Beeper no longer has it.", "It is asked again tomorrow."],
    "attempts": [{"at": "2026-11-25T08:01:00Z", "origin": "beeper", "answer": "404"}],
    "failures": 1,
    "queuedAt": "2026-11-25T08:00:00Z",
    "heldUntil": None,
    "failedAt": "2026-11-25T08:01:00Z",
    "nextAttemptAt": "2026-11-26T08:01:00Z",
    "cachedAt": None,
    "closedOrigins": [],
    "image": FAILED,
    "shownBy": [
        {"chatId": "!ada:beeper.local", "chatTitle": "Ada Lovelace", "participantId": "@bob:beeper.local"},
        {"chatId": "!group:beeper.local", "chatTitle": None, "participantId": None},
    ],
    "moreShownBy": True,
}

HEALTH: Json = {"status": "ok"}

STATUS: Json = {
    "origin": {"state": "ok", "since": "2026-11-20T00:00:00Z", "checkedAt": "2026-11-25T09:50:00Z"},
    "agent": {"state": "running", "since": "2026-11-24T07:00:00Z", "lastSeenAt": "2026-11-25T09:59:00Z"},
}

CONNECTED: Json = {
    "accountId": "signal_1",
    "network": "Signal",
    "status": "connected",
    "statusText": None,
    "since": "2026-10-01T10:00:00Z",
    "needsPerson": False,
    "text": "connected",
    "advice": None,
    "waiting": None,
}
LOGGED_OUT: Json = {
    "accountId": "whatsapp_1",
    "network": "WhatsApp",
    "status": "reconnect_required",
    "statusText": "Logged out",
    "since": "2026-11-20T10:00:00Z",
    "needsPerson": True,
    "text": "log in again",
    "advice": "Open Beeper's settings.",
    "waiting": 12,
}

STATS: Json = {
    "totalCachedImages": 1371,
    "totalChatsWithImages": 181,
    "totalStorageBytes": 100_040_000,
    "totalStorageMB": 100.04,
    "pending": 4,
    "failed": 3,
    "failedByReason": {"gone": 2, "too_large": 1},
    "orphaned": 12,
    "storage": {"originalBytes": 101_000_000, "servedBytes": 21_500_000},
    "deduplication": {
        "references": 5210,
        "images": 1371,
        "blobs": 1300,
        "downloadsSaved": 3839,
        "bytesSaved": 20_000_000,
    },
    "lastSync": {"succeededAt": "2026-11-25T09:50:00Z", "completedAt": "2026-11-24T22:00:00Z"},
    "lastSweep": {
        "finishedAt": "2026-11-25T03:30:41Z",
        "refused": [],
        "deleted": 3,
        "bytesFreed": 1_200_000,
    },
    "origin": STATUS["origin"],
    "accounts": [CONNECTED, LOGGED_OUT],
}
NEVER_SWEPT: Json = {
    **STATS,
    "orphaned": None,
    "storage": {"originalBytes": None, "servedBytes": None},
    "lastSweep": {"finishedAt": None, "refused": [], "deleted": None, "bytesFreed": None},
}


CLASH: Json = {"kind": "phone", "value": "+442079460958", "heldBy": "zoe", "heldByName": "Zoe"}
CONTACT: Json = {
    "contactId": "ada",
    "fullName": "Ada Lovelace",
    "imageUrl": "https://pictures.example/ada.jpg",
    "identifiers": {"instagram": ["ada"], "whatsapp": [], "phone": ["+442079460958"], "email": []},
    "participantIds": ["@ada:beeper.local"],
    "source": "manual",
    "updatedAt": "2026-11-25T10:00:00Z",
    "image": {**CACHED, "source": "contact"},
    "clashes": [CLASH],
}

MEMBER: Json = {
    "participantId": "@ada:beeper.local",
    "fullName": "Ada Lovelace",
    "username": "ada",
    "isSelf": False,
    "image": CACHED,
}
FORMER_PICTURE: Json = {
    "sourceUrl": ADA,
    "image": {**CACHED, "source": "former"},
    "firstSeen": "2026-09-01T08:00:00Z",
    "lastNamed": "2026-11-02T08:00:00Z",
    "isShown": True,
    "isChosen": False,
}
FORMER_PICTURES: Json = {
    "participantId": MEMBER["participantId"],
    "fullName": MEMBER["fullName"],
    "pictures": [FORMER_PICTURE],
}

FORGOTTEN: Json = {"status": "forgotten", "deletedVersions": 4, "hiddenObjects": 0, "edge": "told"}


def job(kind: str, status: str, progress: Json | None = None, result: Json | None = None) -> Json:
    return {
        "jobId": "job-1",
        "kind": kind,
        "status": status,
        "createdAt": "2026-11-25T10:00:00Z",
        "updatedAt": "2026-11-25T10:00:01Z",
        "progress": progress or {},
        "result": result or {},
    }


def synced(outcome: str, **other: int) -> Json:
    counts = {"chats": 12, "changed": 2, "queued": 5, "deleted": 0, "refused": 0, "complete": False, **other}
    return job("sync", "done", {"chats": 12, "changed": 2, "queued": 5}, {"outcome": outcome, **counts})


def swept(*refused: str, **counts: int) -> Json:
    costs = {
        "reads": 1234,
        "writes": 40,
        "lists": 3,
        "messages": 6,
        "dollars": 0.000199,
    }
    return job("cleanup", "done", counts, {**counts, "refused": list(refused), "costs": costs})


def filled(status: str, *, queued: int, waiting: int, failed: int, done: int) -> Json:
    progress = {"chats": 9, "queued": queued, "waiting": waiting, "failed": failed, "done": done}
    return job("backfill", status, progress)


def redriven(status: str, unreadable: int = 0) -> Json:
    return job("redrive", status, {"moved": 1204, "unreadable": unreadable})
