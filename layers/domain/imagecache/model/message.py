"""Messages, as Beeper sends the newest one with each chat."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a message. `type` is `img`, `video`, `audio` or `unknown`, or empty if it is missing."""

    type: str
    file_name: str | None
    is_gif: bool
    is_sticker: bool
    is_voice_note: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A message. `text` is HTML, plain text or JSON, see rules/last_message.py.

    `type` is one of Beeper's types in capitals, such as `TEXT` or `IMAGE`. It is empty for old servers, which
    send no types. `is_own` means that the owner of the account sent the message.
    """

    type: str
    text: str | None
    sender_name: str | None
    is_own: bool
    is_deleted: bool
    is_hidden: bool
    attachments: tuple[Attachment, ...]
