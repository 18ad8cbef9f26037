"""The capabilities of chats, in the form in which new servers send them."""

Json = dict[str, object]

_FULL = 2  # -2: rejected, -1: dropped, 0: unsupported, 1: partially supported, 2: fully supported
_PARTIAL = 1

CAPABILITIES: Json = {
    "archive": True,
    "attachments": {
        "m.image": {"mimeTypes": {"image/jpeg": _FULL, "image/*": _PARTIAL}, "caption": _FULL},
        "org.matrix.msc3245.voice": {"mimeTypes": {"audio/ogg": _FULL}, "maxDuration": 600},
    },
    "deleteForMe": True,
    "disappearingTimer": {"timers": [86_400_000, 604_800_000], "types": ["afterSend"]},
    "edit": _FULL,
    "editMaxAge": 900,
    "formatting": {"bold": _FULL, "code_block.syntax_highlighting": _PARTIAL},
    "markAsUnread": True,
    "participantActions": {"invite": _FULL, "leave": _FULL},
    "reaction": _FULL,
    "reactionCount": 1,
    "readReceipts": True,
    "reply": _FULL,
    "state": {"avatar": {"level": _FULL}, "title": {"level": _FULL}},
    "typingNotifications": True,
}
