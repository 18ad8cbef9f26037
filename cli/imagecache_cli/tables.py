"""Answers as tables. Texts are harmless by now (reading.py); `Text` keeps rich from seeing markup in them."""

from collections.abc import Collection, Iterable, Mapping

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from imagecache_cli.answers import Chat, Image, ImageRow, Images, LastSweep, Reference, Stats, Story

_COLOURS = {"cached": "green", "ok": "green", "pending": "yellow", "failed": "red", "forgotten": "magenta"}
_NOTHING = "-"


def table(
    columns: Iterable[str], rows: Iterable[Iterable[Text | str]], *, long: Collection[str]
) -> RenderableType:
    """A plain table; `long` columns take as many lines as they need, the others are never broken."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column not in long)
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return made if made.row_count else Text("none")


def pairs(known: Mapping[str, Text | str]) -> Table:
    """Names and values, one pair a line."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in known.items():
        made.add_row(Text(name), value if isinstance(value, Text) else Text(value))
    return made


def status(word: str, reason: str | None = None) -> Text:
    """`failed: gone`, in the status's colour."""
    return Text(f"{word}: {reason}" if reason else word, style=_COLOURS.get(word, ""))


def moment(iso: str | None) -> str:
    """To the minute, in UTC as the API says it."""
    return iso[:16].replace("T", " ") if iso else _NOTHING


def size(count: int | None) -> str:
    """Bytes as MB, a million each, as in `totalStorageMB`."""
    return _NOTHING if count is None else f"{count / 1e6:,.1f} MB"


def stats(known: Stats) -> RenderableType:
    saved, stored = known.deduplication, known.storage
    lines: dict[str, Text | str] = {
        "cached images": f"{known.total_cached_images:,} ({size(known.total_storage_bytes)})",
        "stored": f"originals {size(stored.original_bytes)}, as served {size(stored.served_bytes)}",
        "shown by nobody": _NOTHING if known.orphaned is None else f"{known.orphaned:,}",
        "chats with images": f"{known.total_chats_with_images:,}",
        "pending": f"{known.pending:,}",
        "failed": f"{known.failed:,}{_by_reason(known.failed_by_reason)}",
        "downloads saved": f"{saved.downloads_saved:,} ({size(saved.bytes_saved)}): "
        f"{saved.references:,} places show {saved.images:,} images",
        "last sync": f"{moment(known.last_sync.succeeded_at)} UTC",
        "last complete sync": f"{moment(known.last_sync.completed_at)} UTC",
        "last sweep": _swept(known.last_sweep),
        "Beeper": status(known.origin.state),
    }
    return pairs(lines)


def _swept(known: LastSweep) -> str:
    if known.finished_at is None:
        return _NOTHING
    did = f"{known.deleted or 0:,} deleted ({size(known.bytes_freed)})"
    refused = f"; refused the rest: {', '.join(known.refused)}" if known.refused else ""
    return f"{moment(known.finished_at)} UTC: {did}{refused}"


def _by_reason(counts: Mapping[str, int]) -> str:
    told = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
    return f" ({told})" if told else ""


def chats(known: Iterable[Chat]) -> RenderableType:
    columns = ("active (UTC)", "chat", "network", "unread", "members", "picture")
    rows = (
        (
            moment(chat.last_activity),
            _short(chat.title or _NOTHING),
            chat.network or chat.account_id,
            f"{chat.unread_count:,}" if chat.unread_count else "",
            f"{chat.participant_count:,}",
            _picture(chat),
        )
        for chat in known
    )
    return table(columns, rows, long=("chat",))


def _short(title: str) -> str:
    return title if len(title) <= 32 else f"{title[:31]}…"


def _picture(chat: Chat) -> Text:
    """A group without a picture of its own shows its members'."""
    if chat.image.status == "none" and chat.facepile:
        cached = sum(image.status == "cached" for image in chat.facepile)
        return Text(f"{cached} of {len(chat.facepile)} members")
    return status(chat.image.status, chat.image.reason)


def references(known: Iterable[Reference]) -> RenderableType:
    columns = ("status", "shown as", "source")
    rows = (
        (
            status(one.status, one.reason),
            _shown_as(one),
            one.source_url,
        )
        for one in known
    )
    return table(columns, rows, long=("source",))


def _shown_as(one: Reference) -> str:
    name = _short(one.full_name or one.participant_id or one.chat_id)
    return f"{name} (contact)" if one.source == "contact" else name


def failures(known: Iterable[ImageRow]) -> RenderableType:
    columns = ("reason", "failed (UTC)", "tried again (UTC)", "source")
    rows = (
        (
            Text(row.reason or _NOTHING, style="red"),
            moment(row.failed_at),
            moment(row.next_attempt_at) if row.next_attempt_at else "never",
            row.source_url or _NOTHING,
        )
        for row in known
    )
    return table(columns, rows, long=("source",))


def images(known: Images) -> RenderableType:
    rows = (
        (status(image.status, image.reason), _measures(image), image.url or _NOTHING, source)
        for source, image in known.images.items()
    )
    return table(("status", "pixels", "url", "source"), rows, long=("url", "source"))


def _measures(image: Image) -> str:
    return f"{image.width} x {image.height}" if image.width and image.height else _NOTHING


def story(known: Story) -> RenderableType:
    parts: list[RenderableType] = [pairs({"source": known.source_url, "status": status(known.status)})]
    parts += [Text(), *(Text(sentence) for sentence in known.summary)]
    if known.shown_by:
        shown = (
            (_short(one.chat_title or _NOTHING), one.participant_id or "the chat's own", one.chat_id)
            for one in known.shown_by
        )
        parts.append(table(("shown in", "as", "chatId"), shown, long=("chatId",)))
    if known.more_shown_by:
        parts.append(Text("... and in more chats"))
    return Group(*parts)
