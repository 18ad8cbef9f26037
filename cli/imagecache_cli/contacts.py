"""The verbs of `imagecache contacts`. Contacts have pictures for people who have none in Beeper."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from imagecache_cli.answers import ContactDetail, ContactPut, ContactRemoved, Contacts
from imagecache_cli.api import Json
from imagecache_cli.contact_files import CHECKS, ContactRow, read_contact_rows
from imagecache_cli.contact_tables import describe_clashes, render_contact, render_contacts
from imagecache_cli.errors import RefusedError, SettingsError
from imagecache_cli.paging import read_list
from imagecache_cli.plain import plain
from imagecache_cli.reading import read
from imagecache_cli.session import Session, open_session
from imagecache_cli.tables import NOTHING, table
from imagecache_cli.watch import start_job, wait_for_links

HELP_ON_IMAGE = "The picture's URL: https, data, or one of Beeper's."
_PATH = "/api/contacts/"
# The statuses of errors in one row. Any other error, such as a wrong token, would also occur in the next
# rows, so it ends the import.
_STATUSES_OF_ONE_ROW = {400, 409, 413}

app = typer.Typer(
    help="Manage contacts: pictures for people who have none.",
    rich_markup_mode=None,
)

ContactId = Annotated[str, typer.Argument(metavar="ID", help="The contactId.")]
Texts = list[str]


class ContactSource(StrEnum):
    """The sources of contacts, as the API names them."""

    MANUAL = "manual"
    DEX = "dex"
    BEEPER = "beeper"


@dataclass(frozen=True, slots=True)
class RowResult:
    """The result of storing one row of a file, or of checking it.

    `problem` is empty if there is none. `success` is then the text to show.
    """

    row: ContactRow
    problem: str
    success: str = ""

    @property
    def outcome(self) -> str:
        return self.problem or self.success


@app.command("list")
def list_contacts(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Every page, not only the first.")] = False,
    source: Annotated[
        ContactSource | None,
        typer.Option(help="Only contacts put by hand (manual), from Dex, or from Beeper."),
    ] = None,
) -> None:
    """List the contacts with their identifiers, and mark identifiers that another contact has already."""
    session = open_session(context)
    query: dict[str, str | int] = {} if source is None else {"source": source.value}
    document = read_list(session.api, "/api/contacts", "contacts", query, everything=everything)
    session.screen.show(document, render_contacts(read(Contacts, document).contacts))
    if document["nextCursor"] is not None:
        session.screen.note("there is more: --all shows everything")


@app.command()
def show(context: typer.Context, contact_id: ContactId) -> None:
    """Show one contact, and the members of chats that it is linked to."""
    session = open_session(context)
    document = session.api.get(_path(contact_id))
    session.screen.show(document, render_contact(read(ContactDetail, document)))


@app.command()
def put(  # noqa: PLR0917 - typer makes an option of each
    context: typer.Context,
    contact_id: ContactId,
    name: Annotated[str | None, typer.Option(help="The full name.")] = None,
    image: Annotated[str | None, typer.Option(help=HELP_ON_IMAGE)] = None,
    instagram: Annotated[Texts | None, typer.Option(help="Instagram user name; may be repeated.")] = None,
    whatsapp: Annotated[Texts | None, typer.Option(help="WhatsApp number; may be repeated.")] = None,
    phone: Annotated[Texts | None, typer.Option(help="Phone number; may be repeated.")] = None,
    email: Annotated[Texts | None, typer.Option(help="E-mail address; may be repeated.")] = None,
    participant: Annotated[
        Texts | None, typer.Option(help="participantId of a member who is this contact; may be repeated.")
    ] = None,
) -> None:
    """Create or replace a contact, and wait until the chats show it."""
    session = open_session(context)
    identifiers = {
        "instagram": instagram or [],
        "whatsapp": whatsapp or [],
        "phone": phone or [],
        "email": email or [],
    }
    row = ContactRow(contact_id, name, image, identifiers, participant or [])
    document = session.api.put(_path(contact_id), row.body())
    answer = read(ContactPut, document)
    # The API starts a sync for this contact. Until it has ended, the chats show the old picture.
    if answer.job_id is not None:
        wait_for_links(session, answer.job_id, effect="the chats show the contacts")
    # The links are left out, because the answer to the PUT is older than the sync that has made them.
    session.screen.show(document, render_contact(ContactDetail(answer.contact, [], more_linked=False)))


@app.command()
def remove(context: typer.Context, contact_id: ContactId) -> None:
    """Remove a contact, and wait until no chat shows its picture."""
    session = open_session(context)
    document = session.api.delete(_path(contact_id))
    wait_for_links(session, read(ContactRemoved, document).job_id, effect="no chat shows the contact")
    session.screen.show(document, Text("removed"))


@app.command("import")
def import_contacts(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv, .vcf or .json file: see the README.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file, and change nothing.")] = False,
) -> None:
    """Create or replace each contact of a file. Exit code 1 if a row has a problem; the others are stored."""
    session = open_session(context)
    rows = read_contact_rows(file)
    if dry_run:
        results = [RowResult(row, row.problem, "no problem found") for row in rows]
    else:
        results = _put_rows(session, rows)
    problems = sum(bool(result.problem) for result in results)
    # The sync links the contacts. If no row was stored, it would have nothing to link.
    if problems < len(results) and not dry_run:
        job_id = start_job(session, "/api/sync", {"complete": False, "force": False})
        wait_for_links(session, job_id, effect="the chats show the contacts")
    session.screen.show(_import_document(results, problems, dry_run=dry_run), _render_import(results))
    if dry_run:
        session.screen.note(f"Nothing was sent. {CHECKS}")
    if problems:
        raise typer.Exit(1)


def _put_rows(session: Session, rows: list[ContactRow]) -> list[RowResult]:
    """Sends each row without a problem, and shows a progress bar on stderr.

    Returns the results of all rows, in their order. Raises CommandError.
    """
    columns = (TextColumn("contacts"), BarColumn(), MofNCompleteColumn())
    console = session.screen.err
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        return [
            RowResult(row, row.problem) if row.problem else _put_row(session, row) for row in bar.track(rows)
        ]


def _put_row(session: Session, row: ContactRow) -> RowResult:
    """Sends one row and returns the result. Raises CommandError for an error that must end the import."""
    try:
        # `withoutSync`, because one sync after the last row links all contacts. A sync for each row would
        # take minutes.
        answer = read(ContactPut, session.api.put(_path(row.contact_id), {**row.body(), "withoutSync": True}))
    except RefusedError as error:
        if error.status not in _STATUSES_OF_ONE_ROW:
            raise
        return RowResult(row, str(error))
    clashes = describe_clashes(answer.contact.clashes)
    return RowResult(row, "", f"stored, but {clashes}" if clashes else "stored")


def _import_document(results: list[RowResult], problems: int, *, dry_run: bool) -> Json:
    rows = [
        {"row": result.row.number, "contactId": result.row.contact_id, "outcome": result.outcome}
        for result in results
    ]
    return {"rows": rows, "problems": problems, "dryRun": dry_run}


def _render_import(results: list[RowResult]) -> RenderableType:
    """Returns the results as a table.

    The texts come from the file and not through reading.py, so they are made safe to print here.
    """
    rows = (
        (
            str(result.row.number),
            plain(result.row.contact_id),
            plain(result.row.full_name or NOTHING),
            plain(result.outcome),
        )
        for result in results
    )
    return table(("row", "contactId", "name", "outcome"), rows, long=("outcome",))


def _path(contact_id: str) -> str:
    """Returns the path of a contact. Raises SettingsError if the id would lead to another path."""
    if not contact_id or any(letter in "/?#%\\" or not letter.isprintable() for letter in contact_id):
        raise SettingsError("a contactId must be 1 to 128 letters, digits or . _ : @ + -")
    return _PATH + contact_id
