"""Renders contacts as tables for a terminal."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from imagecache_cli.answers import Clash, Contact, ContactDetail
from imagecache_cli.tables import MORE_CHATS, NOTHING, pairs, render_places, status, table


def render_contacts(contacts: Iterable[Contact]) -> RenderableType:
    """Returns a table with a row for each contact."""
    columns = ("contactId", "name", "kept by", "picture", "identifiers", "clashes")
    rows = (
        (
            contact.contact_id,
            contact.full_name or NOTHING,
            contact.source,
            status(contact.image.status, contact.image.reason),
            _identifiers(contact) or NOTHING,
            describe_clashes(contact.clashes),
        )
        for contact in contacts
    )
    return table(columns, rows, long=("identifiers", "clashes"))


def render_contact(detail: ContactDetail) -> RenderableType:
    """Returns a table of one contact, and a table of the members of chats that it is linked to."""
    contact = detail.contact
    lines: dict[str, Text | str] = {
        "contactId": contact.contact_id,
        "name": contact.full_name or NOTHING,
        "kept by": contact.source,
        "picture": status(contact.image.status, contact.image.reason),
        "identifiers": _identifiers(contact) or NOTHING,
    }
    # Most contacts have no clash, so the line is shown only if there is one.
    if contact.clashes:
        lines["clashes"] = Text(describe_clashes(contact.clashes), style="yellow")
    parts: list[RenderableType] = [pairs(lines)]
    if detail.linked:
        parts.append(render_places("linked in", "to", detail.linked))
    if detail.more_linked:
        parts.append(MORE_CHATS)
    return Group(*parts)


def describe_clashes(clashes: Iterable[Clash]) -> str:
    """Returns a text about a contact's clashes, such as `phone +44... belongs to Zoe`."""
    return "; ".join(
        f"{clash.kind} {clash.value} belongs to {clash.held_by_name or clash.held_by}" for clash in clashes
    )


def _identifiers(contact: Contact) -> str:
    # The API has the ids of members in a separate field, but they are identifiers, too.
    kind_of_id = "by hand" if contact.source == "manual" else "member"
    values_by_kind = {**contact.identifiers, kind_of_id: contact.participant_ids}
    return "; ".join(f"{kind} {', '.join(values)}" for kind, values in values_by_kind.items() if values)
