"""Contacts as tables."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from imagecache_cli.answers import Clash, Contact, ContactDetail
from imagecache_cli.contact_files import Row
from imagecache_cli.plain import plain
from imagecache_cli.tables import pairs, status, table

_NOTHING = "-"


def contacts(known: Iterable[Contact]) -> RenderableType:
    columns = ("contactId", "name", "kept by", "picture", "found by", "clashes")
    rows = (
        (
            one.contact_id,
            one.full_name or _NOTHING,
            one.source,
            status(one.image.status, one.image.reason),
            "; ".join(_found_by(one)) or _NOTHING,
            "; ".join(map(_clash, one.clashes)),
        )
        for one in known
    )
    return table(columns, rows, long=("found by", "clashes"))


def contact(known: ContactDetail) -> RenderableType:
    one = known.contact
    lines: dict[str, Text | str] = {
        "contactId": one.contact_id,
        "name": one.full_name or _NOTHING,
        "kept by": one.source,
        "picture": status(one.image.status, one.image.reason),
        "found by": "; ".join(_found_by(one)) or _NOTHING,
    }
    if one.clashes:
        lines["clashes"] = Text("; ".join(map(_clash, one.clashes)), style="yellow")
    parts: list[RenderableType] = [pairs(lines)]
    if known.linked:
        rows = (
            (two.chat_title or _NOTHING, two.participant_id or _NOTHING, two.chat_id) for two in known.linked
        )
        parts.append(table(("stands in in", "for", "chatId"), rows, long=("chatId",)))
    if known.more_linked:
        parts.append(Text("... and in more chats"))
    return Group(*parts)


def import_report(outcomes: Iterable[tuple[Row, str]]) -> RenderableType:
    """What became of each row; the file's texts are other people's."""
    rows = (
        (str(row.number), plain(row.contact_id), plain(row.full_name or _NOTHING), plain(said))
        for row, said in outcomes
    )
    return table(("row", "contactId", "name", "outcome"), rows, long=("outcome",))


def _found_by(one: Contact) -> Iterable[str]:
    for kind, texts in {**one.identifiers, "by hand": one.participant_ids}.items():
        if texts:
            yield f"{kind} {', '.join(texts)}"


def _clash(one: Clash) -> str:
    return f"{one.kind} {one.value} is {one.held_by_name or one.held_by}'s"
