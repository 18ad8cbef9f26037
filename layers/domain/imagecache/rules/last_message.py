"""Turns the newest message of a chat into the line of text below the chat's name.

The line is text and not HTML: it may contain `<` and `&`, and a page must insert it as text.
"""

import html
import json
import re
from functools import cache
from typing import TYPE_CHECKING

from imagecache.model.message import Attachment, Message
from imagecache.rules.names import first_name, is_matrix_id

if TYPE_CHECKING:
    import nh3

MAX_TEXT_CHARS = 65_536
"""How much of a text is read. It is the size (bytes) of the largest event that Matrix allows."""

_MAX_LINE_CHARS = 1000
# The time for HTML grows with the square of its depth: 0.3 s for the worst HTML of this size, 4 s for 64 KB.
_MAX_HTML_CHARS = 16_384
_WORD_OF_TYPE = {
    "IMAGE": "Photo",
    "VIDEO": "Video",
    "VOICE": "Voice message",
    "AUDIO": "Audio",
    "FILE": "File",
    "STICKER": "Sticker",
    "LOCATION": "Location",
}
_WORD_OF_ATTACHMENT = {"img": "Photo", "video": "Video", "audio": "Audio"}

# Names of elements. HTML ends a line or a cell after these, so a blank takes the place of their tags.
_BLOCKS = (
    "address|article|aside|blockquote|br|caption|center|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|"
    "figure|footer|form|h1|h2|h3|h4|h5|h6|header|hr|legend|li|main|menu|nav|ol|option|p|pre|section|summary|"
    "table|tbody|td|tfoot|th|thead|tr|ul"
)
# The text of these is not a part of the message: the quoted message of a reply, code, and elements whose
# content is no HTML and could therefore bring tags into the text.
_REMOVED = (
    "iframe|math|mx-reply|noembed|noframes|noscript|plaintext|script|style|svg|template|textarea|title|xmp"
)
_INLINE = (
    "a|abbr|acronym|applet|area|audio|b|base|basefont|bdi|bdo|bgsound|big|blink|body|button|canvas|cite|code|"
    "col|colgroup|data|datalist|del|dfn|em|embed|font|frame|frameset|head|hgroup|html|i|img|input|ins|kbd|"
    "keygen|label|link|listing|map|mark|marquee|meta|meter|nobr|object|optgroup|output|param|picture|"
    "progress|q|rb|rp|rt|rtc|ruby|s|samp|search|select|slot|small|source|span|strike|strong|sub|sup|time|"
    "track|tt|u|var|video|wbr"
)
_MARKUP = re.compile(
    rf"</?(?:{_BLOCKS}|{_REMOVED}|{_INLINE})(?:[\s/][a-z\s/-]*)?>"  # a tag of HTML or Matrix without values
    r"|</[a-z][^\s<>]*\s*>|<[a-z][^\s<>]*\s[^<>=]*=[^<>]*>"  # an end tag, or a tag with an attribute
    r"|<!--|&(?:#\d+|#x[\da-f]+|[a-z][a-z\d]*);",  # a comment, or a character reference
    re.IGNORECASE,
)
_QUOTATION_TAG = re.compile(r"<(?P<end>/?)mx-reply(?=[\s/>])[^>]*(?:>|\Z)", re.IGNORECASE)
# The plain form of a reply begins with the quoted message, whose first line has the id of its sender.
_PLAIN_QUOTATION = re.compile(r"> (?:\* )?<@[^\s<>]+:[^\s<>]+>[^\n]*(?:\n>[^\n]*)*")
# Beeper writes events, such as a reaction, as a text with a place for the name of the sender.
_EVENT_BEGINS = "{{sender}}"
# In sanitized HTML, these are all tags and nothing else, because `<` in texts is escaped. Custom emojis are
# images, whose texts are shown.
_TAG = re.compile(r'<img alt="(?P<text>[^"<>&]*)">|<(?:[^">]|"[^"]*")*>')
_SPAN = re.compile(r'<(?P<end>/?)span(?P<spoiler> data-mx-spoiler="[^"]*")?>')
_SPOILER = "[Spoiler]"
# Blanks of any kind and length, and the characters that control terminals.
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
# Marks that reverse the direction of everything after them, until another mark that a cut may remove.
_DIRECTION_MARKS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def last_message_line(message: Message, *, in_group: bool) -> str | None:
    """Returns the line for a chat whose newest message this is, or None if nothing of it may be shown.

    The line has at most 1,000 characters and no control characters. In a group it begins with the sender.
    """
    if message.is_deleted or message.is_hidden or message.type == "REACTION":
        return None
    if (message.text or "").lstrip().startswith(_EVENT_BEGINS):
        return None
    content = _caption(message) or _word(message)
    sender = _sender(message) if in_group else None
    return f"{sender}: {content}"[:_MAX_LINE_CHARS] if sender and content else content


def plain_text(text: str) -> str:
    """Returns the text of a message in one line of at most 1,000 characters.

    New servers send Matrix's HTML. Old ones send plain text, or JSON if the text has formats. HTML is
    recognised by its tags and character references, so that a plain text such as `a < b` or `<ada@x.org>` is
    kept as it is. The message that a reply quotes is left out.
    """
    text = text[:MAX_TEXT_CHARS]
    text_in_json = _text_in_json(text)
    if text_in_json is not None:
        return _one_line(_without_plain_quotation(text_in_json))
    text = _without_plain_quotation(text)
    return _one_line(_without_markup(text) if _MARKUP.search(text) else text)


def _text_in_json(text: str) -> str | None:
    """Returns the text in the JSON that old servers send for a text with formats, or None."""
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_formatted = isinstance(value.get("text"), str) and ("textEntities" in value or "entities" in value)
    return str(value["text"]) if is_formatted else None


def _without_plain_quotation(text: str) -> str:
    quotation = _PLAIN_QUOTATION.match(text)
    return text[quotation.end() :] if quotation else text


def _without_quotation(text: str) -> str:
    """Returns HTML without its `mx-reply` elements, or up to the first one that is not closed.

    The HTML parser cannot do this: it closes a `p` around the quotation when a `blockquote` begins in it, and
    with the `p` also the quotation, so that the rest of it would be shown.
    """
    kept: list[str] = []
    depth = 0
    position = 0
    for tag in _QUOTATION_TAG.finditer(text):
        if depth == 0:
            kept.append(text[position : tag.start()])
        depth = max(0, depth - 1) if tag["end"] else depth + 1
        position = tag.end()
    if depth == 0:
        kept.append(text[position:])
    return "".join(kept)


def _without_markup(text: str) -> str:
    # Lone surrogates are no text for Rust.
    encodable = _without_quotation(text)[:_MAX_HTML_CHARS].encode(errors="replace").decode()
    shown = _without_spoilers(_cleaner().clean(encodable))
    return html.unescape(_TAG.sub(lambda tag: tag["text"] or " ", shown))


def _without_spoilers(sanitized: str) -> str:
    """Returns sanitized HTML with a word in place of each spoiler, and without the tags of its spans."""
    kept: list[str] = []
    spans_in_spoiler = 0
    position = 0
    for tag in _SPAN.finditer(sanitized):
        if not spans_in_spoiler:
            kept.append(sanitized[position : tag.start()])
        position = tag.end()
        if spans_in_spoiler:
            spans_in_spoiler += -1 if tag["end"] else 1
        elif tag["spoiler"]:
            kept.append(_SPOILER)
            spans_in_spoiler = 1
    if not spans_in_spoiler:
        kept.append(sanitized[position:])
    return "".join(kept)


@cache
def _cleaner() -> "nh3.Cleaner":
    import nh3  # noqa: PLC0415 - sync alone needs it, and only if a message has markup

    return nh3.Cleaner(
        tags={*_BLOCKS.split("|"), "img", "span"},
        clean_content_tags={*_REMOVED.split("|")},
        attributes={"img": {"alt"}, "span": {"data-mx-spoiler"}, "*": set()},
    )


def _one_line(text: str) -> str:
    text = _DIRECTION_MARKS.sub("", text.encode(errors="replace").decode())
    return _BLANKS.sub(" ", text).strip()[:_MAX_LINE_CHARS].rstrip()


def _caption(message: Message) -> str | None:
    """Returns the text of a message, or None if it has none or only repeats the name of its file."""
    text = plain_text(message.text or "")
    names = {_one_line(attachment.file_name or "") for attachment in message.attachments}
    return text if text and text not in names else None


def _word(message: Message) -> str | None:
    """Returns a word for a message without text, or None if it has no attachment and an unknown type."""
    attachment = message.attachments[0] if message.attachments else None
    word = (
        (_word_of_flags(attachment) if attachment else None)
        or _WORD_OF_TYPE.get(message.type)
        or (_WORD_OF_ATTACHMENT.get(attachment.type, "File") if attachment else None)
    )
    name = _one_line(attachment.file_name or "") if attachment else ""
    return f"File {name}"[:_MAX_LINE_CHARS] if word == "File" and name else word


def _word_of_flags(attachment: Attachment) -> str | None:
    if attachment.is_sticker:
        return "Sticker"
    if attachment.is_gif:
        return "GIF"
    return "Voice message" if attachment.is_voice_note else None


def _sender(message: Message) -> str | None:
    if message.is_own:
        return "You"
    name = _one_line(message.sender_name or "")
    # A Matrix id says nothing to a person.
    return first_name(name) if name and not is_matrix_id(name) else None
