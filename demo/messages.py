"""Invents the latest messages of chats: every type, and every field that a message may have.

A timedelta in the fields is a moment, counted from the moment of the message.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

Json = dict[str, object]


class MessageType(StrEnum):
    """The types of messages in Beeper's API."""

    TEXT = "TEXT"
    NOTICE = "NOTICE"
    IMAGE = "IMAGE"
    VIDEO = "VIDEO"
    VOICE = "VOICE"
    AUDIO = "AUDIO"
    FILE = "FILE"
    STICKER = "STICKER"
    LOCATION = "LOCATION"
    REACTION = "REACTION"


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its text, which may be HTML, or None, and the fields that not every message has."""

    text: str | None
    type: MessageType = MessageType.TEXT
    fields: Mapping[str, object] = field(default_factory=dict)

    @property
    def special_fields(self) -> Json:
        """The fields that are added to those of a plain text message, or that replace them."""
        return {"type": self.type.value, **self.fields}


def _attachment(kind: str, name: str, mime_type: str, **more: object) -> Json:
    """Returns the fields of a message with one attachment, which has no picture of the account's media."""
    attachment: Json = {
        "id": f"mxc://local.beeper.com/attachment-{name}",
        "type": kind,
        "fileName": name,
        "fileSize": 34_567,
        "mimeType": mime_type,
        "srcURL": f"file:///Users/alex/Library/Application%20Support/BeeperTexts/files/{name}",
        "isGif": False,
        "isSticker": False,
        "isVoiceNote": False,
    }
    return {"attachments": [attachment | more]}


_SIZE: Json = {"size": {"width": 1280, "height": 960}}
_REPLY = (
    '<mx-reply><blockquote><a href="https://matrix.to/#/!r:x/$e">In reply to</a> '
    '<a href="https://matrix.to/#/@a:x">Ada</a><br>Which train do you take?</blockquote></mx-reply>'
    "The one at <strong>nine</strong>"
)

PLAIN_TEXTS = (
    *("See you on Sunday!", "The cake is in the oven", "👍", "Did the parcel arrive?", "Sounds good"),
    *("Which platform are you on?", "Here is the recipe: butter, sugar, patience", "ha!"),
)

SPECIAL_MESSAGES = (
    Message("Bring a <em>jumper</em> &amp; a hat,<br>it is <b>cold</b> &lt;5°", fields={"isUnread": True}),
    Message(None, MessageType.IMAGE, _attachment("img", "lake.jpg", "image/jpeg", **_SIZE)),
    Message(_REPLY, fields={"linkedMessageID": "message-1"}),
    Message("This was a mistake", fields={"isDeleted": True}),
    Message(
        None,
        MessageType.VOICE,
        _attachment(
            *("audio", "voice.ogg", "audio/ogg"),
            isVoiceNote=True,
            duration=7.5,
            transcription={"engine": "demo", "transcription": "I am on my way", "language": "en"},
        ),
    ),
    Message("Ada changed the name of the group", MessageType.NOTICE, {"isHidden": True}),
    Message(None, MessageType.FILE, _attachment("unknown", "minutes of may.pdf", "application/pdf")),
    Message("😂", MessageType.REACTION, {"isHidden": True, "linkedMessageID": "message-1"}),
    Message(
        "Edited: the hall is at number 12",
        fields={"editedTimestamp": timedelta(minutes=3), "seen": {"@somebody:x": timedelta(minutes=4)}},
    ),
    Message(None, MessageType.VIDEO, _attachment("video", "waves.mp4", "video/mp4", duration=12, **_SIZE)),
    Message(None, MessageType.VIDEO, _attachment("video", "dance.mp4", "video/mp4", isGif=True, **_SIZE)),
    Message(None, MessageType.STICKER, _attachment("img", "cat.webp", "image/webp", isSticker=True)),
    Message(None, MessageType.AUDIO, _attachment("audio", "song.mp3", "audio/mpeg", duration=181)),
    Message("geo:52.5,13.4", MessageType.LOCATION),
    Message("Ada joined the group", MessageType.NOTICE),
    Message(
        'Look: <a href="https://maps.example.invalid/">the map</a>',
        fields={
            "links": [
                {
                    "title": "The map",
                    "url": "https://maps.example.invalid/",
                    "originalURL": "https://m.example.invalid/1",
                    "summary": "All paths around the lake",
                    "favicon": "https://maps.example.invalid/favicon.ico",
                    "img": "https://maps.example.invalid/map.png",
                    "imgSize": {"width": 600, "height": 315},
                }
            ]
        },
    ),
    Message("Hello @room", fields={"mentions": ["@room"]}),
    Message(
        "Sent from the train",
        fields={
            "sendStatus": {
                "status": "SUCCESS",
                "timestamp": timedelta(seconds=2),
                "deliveredToUsers": ["@somebody:x"],
            },
            "seen": True,
        },
    ),
    Message(
        "Who brings the cake?",
        fields={
            "reactions": [
                {"id": "@somebody:x🍰", "participantID": "@somebody:x", "reactionKey": "🍰", "emoji": True}
            ]
        },
    ),
)
"""One message for each type and each field, including all that must not be shown as they are."""


def message_of(number: int) -> Message | None:
    """Returns the latest message of the n-th chat, or None: one chat in eleven has none.

    Half of the messages are plain texts.
    """
    if number % 11 == 0:
        return None
    if number % 2:
        return Message(PLAIN_TEXTS[number % len(PLAIN_TEXTS)])
    return SPECIAL_MESSAGES[number // 2 % len(SPECIAL_MESSAGES)]
