"""Renders the API's answers as tables for a terminal.

reading.py has already made the texts safe to print. `Text` prevents rich from reading square brackets as
markup.
"""

import shlex
from collections.abc import Collection, Iterable, Mapping

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from imagecache_cli.answers import (
    Account,
    Chat,
    Image,
    ImageRow,
    Images,
    LastSweep,
    Reference,
    Shown,
    ShownPicture,
    Stats,
    Story,
)
from imagecache_cli.explanations import explain_failure

NOTHING = "-"
MORE_CHATS = Text("... and in more chats")
_COLOURS = {"cached": "green", "ok": "green", "pending": "yellow", "failed": "red", "forgotten": "magenta"}
# On a narrower terminal (in characters) each long column of a table would be only a few characters wide.
_NARROWEST_TABLE = 110
_LONGEST_TITLE = 32
_LONGEST_URL = 500
_MOST_NAMES = 3


class Listing:
    """A table. On a narrow terminal, the cells of the columns `long` are below their row instead of in it."""

    def __init__(
        self, columns: Iterable[str], rows: Iterable[Iterable[Text | str]], *, long: Collection[str]
    ):
        self._columns = list(columns)
        self._long = [name in long for name in self._columns]
        self._rows = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self._rows:
            yield Text("none")
        # Without a long column there is nothing to move below the rows.
        elif options.max_width >= _NARROWEST_TABLE or not any(self._long):
            yield self._table()
        else:
            yield from self._lines(options.max_width)

    def _table(self) -> Table:
        """Returns a table in which only the long columns may be wrapped."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name, is_long in zip(self._columns, self._long, strict=True):
            table.add_column(name, overflow="fold", no_wrap=not is_long)
        for row in self._rows:
            table.add_row(*row)
        return table

    def _lines(self, width: int) -> Iterable[RenderableType]:
        """Yields for each row a line with its short cells, and an indented line for each long cell."""
        short = [index for index, is_long in enumerate(self._long) if not is_long]
        widths = self._widths(short, width)
        names = [Text(name, style="bold") for name in self._columns]
        yield _aligned([names[index] for index in short], widths)
        for row in self._rows:
            yield _aligned([row[index] for index in short], widths)
            for name, is_long, cell in zip(self._columns, self._long, row, strict=True):
                if is_long and cell.plain:
                    labelled = Text.assemble((f"{name}: ", "dim"), cell, overflow="fold")
                    yield Padding(labelled, (0, 0, 0, 4))

    def _widths(self, columns: list[int], width: int) -> list[int]:
        """Returns the widths of these columns. If they do not fit into `width`, the widest one is reduced."""
        widths = [
            max(cell_len(self._columns[index]), *(row[index].cell_len for row in self._rows))
            for index in columns
        ]
        # Two spaces separate the columns.
        excess = sum(widths) + 2 * (len(widths) - 1) - width
        if excess > 0:
            widest = widths.index(max(widths))
            widths[widest] = max(widths[widest] - excess, 1)
        return widths


def table(
    columns: Iterable[str], rows: Iterable[Iterable[Text | str]], *, long: Collection[str]
) -> RenderableType:
    """Returns a table of the rows, in which only the columns `long` may be wrapped."""
    return Listing(columns, rows, long=long)


def pairs(values: Mapping[str, Text | str]) -> Table:
    """Returns a table with a name and its value on each line."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in values.items():
        grid.add_row(Text(name), value if isinstance(value, Text) else Text(value))
    return grid


def status(state: str, reason: str | None = None) -> Text:
    """Returns a state in its colour, with its reason, such as `failed: gone`."""
    return Text(f"{state}: {reason}" if reason else state, style=_COLOURS.get(state, ""))


def moment(iso: str | None) -> str:
    """Returns an ISO 8601 time without its seconds, such as `2026-11-25 09:30`, or `-` for None."""
    return iso[:16].replace("T", " ") if iso else NOTHING


def utc(iso: str | None) -> str:
    """Returns an ISO 8601 time with its time zone, such as `2026-11-25 09:30 UTC`, or `-` for None."""
    return f"{moment(iso)} UTC" if iso else NOTHING


def size(count: int | None) -> str:
    """Returns a number of bytes in MB (1,000,000 bytes, like the API's `totalStorageMB`), or `-` for None."""
    return NOTHING if count is None else f"{count / 1e6:,.1f} MB"


def render_stats(stats: Stats) -> RenderableType:
    """Returns the table of `imagecache stats`."""
    saved = stats.deduplication
    stored = stats.storage
    lines: dict[str, Text | str] = {
        "cached images": f"{stats.total_cached_images:,} ({size(stats.total_storage_bytes)})",
        "stored": f"originals {size(stored.original_bytes)}, thumbnails {size(stored.served_bytes)}",
        "no longer shown": NOTHING if stats.orphaned is None else f"{stats.orphaned:,}",
        "chats with images": f"{stats.total_chats_with_images:,}",
        "pending": f"{stats.pending:,}",
        "failed": f"{stats.failed:,}{_counts_by_reason(stats.failed_by_reason)}",
        "downloads saved": f"{saved.downloads_saved:,} ({size(saved.bytes_saved)}): "
        f"{saved.references:,} places show {saved.images:,} images",
        "last sync": utc(stats.last_sync.succeeded_at),
        "last complete sync": utc(stats.last_sync.completed_at),
        "last sweep": _last_sweep(stats.last_sweep),
        "Beeper": status(stats.origin.state),
    }
    if stats.accounts:
        lines["accounts"] = Text("\n").join(map(_account, stats.accounts))
    return pairs(lines)


def describe_account(account: Account) -> str:
    """Returns an account with its status, such as `WhatsApp: log in again, since ..., 12 faces wait`."""
    parts = [f"{account.network or account.account_id}: {account.text}"]
    # For an account that works, neither the moment nor a number of pictures says anything.
    if account.needs_person:
        parts.append(f"since {utc(account.since)}")
        if account.waiting is not None:
            parts.append("1 face waits" if account.waiting == 1 else f"{account.waiting:,} faces wait")
    return ", ".join(parts)


def _account(account: Account) -> Text:
    return Text(describe_account(account), style="yellow" if account.needs_person else "")


def render_chats(chats: Iterable[Chat]) -> RenderableType:
    """Returns a table of the chats with the states of their pictures."""
    columns = ("active (UTC)", "chat", "network", "unread", "members", "picture", "chatId")
    rows = (
        (
            moment(chat.last_activity),
            _shortened(chat.title or NOTHING),
            chat.network or chat.account_id,
            _unread(chat),
            f"{chat.participant_count:,}",
            _chat_picture(chat),
            chat.chat_id,
        )
        for chat in chats
    )
    return table(columns, rows, long=("chatId",))


def _unread(chat: Chat) -> str:
    """Returns the number of unread messages, or "marked" if the owner has marked a read chat as unread."""
    if chat.unread_count:
        return f"{chat.unread_count:,}"
    return "marked" if chat.is_marked_unread else ""


def render_uncached(references: Iterable[Reference]) -> RenderableType:
    """Returns a table of the pictures that are not cached, each with the people and chats that show it."""
    # The API has a row for each place that shows a picture, and popular pictures have dozens.
    by_source_url: dict[str, list[Reference]] = {}
    for reference in references:
        by_source_url.setdefault(reference.source_url, []).append(reference)
    rows = (
        (
            status(places[0].status, places[0].reason),
            _first_few(_name_of(place) for place in places),
            _first_few(_chat_of(place) for place in places),
            source_url,
        )
        for source_url, places in by_source_url.items()
    )
    columns = ("status", "shown as", "in", "source")
    listing = table(columns, rows, long=("shown as", "in", "source"))
    return _with_meanings(listing, (places[0].reason for places in by_source_url.values()))


def render_pictures(pictures: Iterable[ShownPicture]) -> RenderableType:
    """Returns two lines for each picture: who has it and where it is shown; and its URL for the shell."""
    by_source_url: dict[str, list[ShownPicture]] = {}
    for picture in pictures:
        by_source_url.setdefault(picture.source_url, []).append(picture)
    if not by_source_url:
        return Text("none")
    return Group(*(_picture(url, places) for url, places in by_source_url.items()))


def _picture(source_url: str, places: list[ShownPicture]) -> Text:
    first = places[0]
    shown = [_chat_of(place) for place in places if place.is_shown]
    return Text.assemble(
        (_first_few(_name_of(place) for place in places), "bold"),
        ": ",
        status(first.status, first.reason),
        f" since {utc(first.cached_at)}" if first.cached_at else "",
        f", shown in {_first_few(shown)}" if shown else ", not shown",
        # Quoted, because a shell takes & and ? for its own.
        f"\n    {shlex.quote(source_url)}",
    )


def render_failures(images: Iterable[ImageRow]) -> RenderableType:
    """Returns a table of the images that failed, and what their reasons mean."""
    # The images are read twice: for the rows, and for the meanings.
    images = list(images)
    columns = ("reason", "failed (UTC)", "next try (UTC)", "source")
    rows = (
        (
            Text(image.reason or NOTHING, style="red"),
            moment(image.failed_at),
            moment(image.next_attempt_at) if image.next_attempt_at else "never",
            image.source_url or NOTHING,
        )
        for image in images
    )
    return _with_meanings(table(columns, rows, long=("source",)), (image.reason for image in images))


def render_images(answer: Images) -> RenderableType:
    """Returns a table of the pictures that were looked up, with the URLs of their cached copies."""
    rows = (
        (status(image.status, image.reason), _pixels(image), image.url or NOTHING, _cut_url(source_url))
        for source_url, image in answer.images.items()
    )
    return table(("status", "pixels", "url", "source"), rows, long=("url", "source"))


def render_story(story: Story) -> RenderableType:
    """Returns the summary of one image, and a table of the places that show it."""
    # The API's summary has a sentence with the chats. The table lists the same chats with their ids.
    sentences = [text for text in story.summary if not (story.shown_by and text.startswith("Shown by "))]
    parts: list[RenderableType] = [
        pairs({"source": _cut_url(story.source_url), "status": status(story.status)}),
        Text(),
        *(Text(sentence) for sentence in sentences),
    ]
    if story.shown_by:
        parts.append(render_places("shown in", "as", story.shown_by))
    if story.more_shown_by:
        parts.append(MORE_CHATS)
    return Group(*parts)


def render_places(chat_heading: str, member_heading: str, shown: Iterable[Shown]) -> RenderableType:
    """Returns a table of the chats and members that show a picture, without duplicates."""
    rows = (
        (
            _shortened(place.chat_title or NOTHING),
            place.participant_id or "the chat's own picture",
            place.chat_id,
        )
        for place in dict.fromkeys(shown)
    )
    columns = (chat_heading, member_heading, "chatId")
    return table(columns, rows, long=(member_heading, "chatId"))


def _aligned(cells: Iterable[Text], widths: Iterable[int]) -> Text:
    """Returns one line with the cells padded, or cut, to their widths."""
    line = []
    for cell, width in zip(cells, widths, strict=True):
        padded = cell.copy()
        # `truncate` measures the width on the screen, where East Asian letters need two columns.
        padded.truncate(width, overflow="ellipsis", pad=True)
        line.append(padded)
    return Text("  ").join(line)


def _with_meanings(listing: RenderableType, reasons: Iterable[str | None]) -> RenderableType:
    """Returns the listing and, below it, the meaning of each of these failure reasons, with advice."""
    codes = sorted({reason for reason in reasons if reason})
    if not codes:
        return listing
    meanings = {code: explain_failure(code).sentence for code in codes}
    return Group(listing, Text(), pairs(dict(meanings)))


def _last_sweep(sweep: LastSweep) -> str:
    if sweep.finished_at is None:
        return NOTHING
    deleted = f"{sweep.deleted or 0:,} deleted ({size(sweep.bytes_freed)})"
    refused = f"; refused to delete the rest: {', '.join(sweep.refused)}" if sweep.refused else ""
    return f"{utc(sweep.finished_at)}: {deleted}{refused}"


def _counts_by_reason(counts: Mapping[str, int]) -> str:
    listed = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
    return f" ({listed})" if listed else ""


def _cut_url(url: str) -> str:
    """Returns the URL, or the start of one that is very long, such as a data URL."""
    return url if len(url) <= _LONGEST_URL else f"{url[: _LONGEST_URL - 1]}…"


def _shortened(title: str) -> str:
    return title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…"


def _chat_picture(chat: Chat) -> Text:
    """Returns the state of a chat's picture, or for a group without one, how many of its faces are cached."""
    # The API lists at most four faces, so this is not the number of members.
    if chat.image.status == "none" and chat.facepile:
        cached = sum(image.status == "cached" for image in chat.facepile)
        return Text(f"{cached} of {len(chat.facepile)} members")
    return status(chat.image.status, chat.image.reason)


def _first_few(names: Iterable[str]) -> str:
    """Returns the first three different names, and how many others there are."""
    # One person may be in many chats with the same picture, but is listed only once.
    different = list(dict.fromkeys(names))
    more = f" and {len(different) - _MOST_NAMES:,} more" if len(different) > _MOST_NAMES else ""
    return ", ".join(different[:_MOST_NAMES]) + more


def _name_of(place: Reference | ShownPicture) -> str:
    """Returns whose picture it is: a member's name or id, or the chat's own."""
    if place.participant_id is None:
        return "the chat's own picture"
    name = _shortened(place.full_name or place.participant_id)
    return f"{name} ({place.source})" if place.source in {"contact", "former"} else name


def _chat_of(place: Reference | ShownPicture) -> str:
    return _shortened(place.chat_title or place.chat_id)


def _pixels(image: Image) -> str:
    return f"{image.width} x {image.height}" if image.width and image.height else NOTHING
