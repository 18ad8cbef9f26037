"""`imagecache contacts ...`: whose picture stands in for those who have none."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from imagecache_cli import contact_tables as tables
from imagecache_cli.answers import ContactDetail, ContactPut, ContactRemoved, Contacts
from imagecache_cli.api import Json
from imagecache_cli.contact_files import Row, read_rows
from imagecache_cli.errors import RefusedError, SettingsError
from imagecache_cli.outcomes import tell_outcome
from imagecache_cli.paging import read_list
from imagecache_cli.reading import read
from imagecache_cli.session import Session, open_session
from imagecache_cli.watch import follow_job, is_finished, start_job

app = typer.Typer(help="Contacts, whose pictures stand in for those who have none.", rich_markup_mode=None)

ContactId = Annotated[str, typer.Argument(metavar="ID", help="The contactId.")]
Several = list[str]
_PATH = "/api/contacts/"
# A refusal of one row says nothing of the next; of the token, it does.
_ROWS_OWN = {400, 409, 413}


@app.command("list")
def list_contacts(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Every page, not only the first.")] = False,
) -> None:
    """Contacts, what finds them, and which of it another contact holds."""
    session = open_session(context)
    document = read_list(session.api, "/api/contacts", "contacts", {}, everything=everything)
    session.screen.show(document, tables.contacts(read(Contacts, document).contacts))
    if document["nextCursor"] is not None:
        session.screen.note("there is more: --all shows everything")


@app.command()
def show(context: typer.Context, contact_id: ContactId) -> None:
    """One contact, and the people in chats that it stands for."""
    session = open_session(context)
    document = session.api.get(_path(contact_id))
    session.screen.show(document, tables.contact(read(ContactDetail, document)))


@app.command()
def put(  # noqa: PLR0917 - typer makes an option of each
    context: typer.Context,
    contact_id: ContactId,
    name: Annotated[str | None, typer.Option(help="The full name.")] = None,
    image: Annotated[
        str | None, typer.Option(help="The picture's URL: https, data, or one of Beeper's.")
    ] = None,
    instagram: Annotated[Several | None, typer.Option(help="Instagram user name; may be repeated.")] = None,
    whatsapp: Annotated[Several | None, typer.Option(help="WhatsApp number.")] = None,
    phone: Annotated[Several | None, typer.Option(help="Any phone number.")] = None,
    email: Annotated[Several | None, typer.Option(help="E-mail address.")] = None,
    participant: Annotated[
        Several | None, typer.Option(help="participantId of who this is: a link by hand.")
    ] = None,
) -> None:
    """Make or replace a contact, and wait until the chats show it."""
    session = open_session(context)
    found_by = {"instagram": instagram, "whatsapp": whatsapp, "phone": phone, "email": email}
    row = Row(
        contact_id, name, image, {kind: texts or [] for kind, texts in found_by.items()}, participant or []
    )
    document = session.api.put(_path(contact_id), row.body())
    answer = read(ContactPut, document)
    _wait(session, answer.job_id)
    session.screen.show(document, tables.contact(ContactDetail(answer.contact, [], more_linked=False)))


@app.command()
def remove(context: typer.Context, contact_id: ContactId) -> None:
    """Remove a contact, and wait until no chat shows its picture."""
    session = open_session(context)
    document = session.api.delete(_path(contact_id))
    _wait(session, read(ContactRemoved, document).job_id)
    session.screen.show(document, Text("removed"))


@app.command("import")
def import_contacts(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv or .json file: see the README.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read the file, and change nothing.")] = False,
) -> None:
    """Put every contact of a file. Exit code 1 when a row could not be: the others are there all the same."""
    session = open_session(context)
    rows = read_rows(file)
    outcomes = [(row, row.trouble or "fine") for row in rows] if dry_run else _put_all(session, rows)
    report = [{"row": row.number, "contactId": row.contact_id, "outcome": said} for row, said in outcomes]
    fine = sum(said in {"fine", "put"} or said.startswith("put,") for _, said in outcomes)
    document: Json = {"rows": report, "fine": fine, "dryRun": dry_run}
    if fine and not dry_run:
        _wait(session, start_job(session, "/api/sync", {"complete": False, "force": False}))
    session.screen.show(document, tables.import_report(outcomes))
    if fine < len(outcomes):
        raise typer.Exit(1)


def _put_all(session: Session, rows: list[Row]) -> list[tuple[Row, str]]:
    """What became of each row, in order."""
    columns = (TextColumn("contacts"), BarColumn(), MofNCompleteColumn())
    console = session.screen.err
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        return [(row, row.trouble or _put_one(session, row)) for row in bar.track(rows)]


def _put_one(session: Session, row: Row) -> str:
    """Raises CommandError for what ends the whole import."""
    try:
        answer = read(ContactPut, session.api.put(_path(row.contact_id), {**row.body(), "withoutSync": True}))
    except RefusedError as error:
        if error.status not in _ROWS_OWN:
            raise
        return str(error)
    clashes = [
        f"{one.kind} {one.value} is {one.held_by_name or one.held_by}'s" for one in answer.contact.clashes
    ]
    return f"put, but {', '.join(clashes)}" if clashes else "put"


def _wait(session: Session, job_id: str | None) -> None:
    """Until the chats are linked: Beeper need not be there for it."""
    if job_id is None:
        return
    _, job = follow_job(session, job_id, is_finished)
    outcome = tell_outcome(job)
    if outcome.word in {"busy", "superseded", "unfinished", "failed"}:
        session.screen.note(f"{outcome.sentence}; the chats show the contacts after the next sync")


def _path(contact_id: str) -> str:
    """Raises SettingsError for what the API would not take, or what would lead elsewhere."""
    if not contact_id or any(letter in "/?#%\\" or not letter.isprintable() for letter in contact_id):
        raise SettingsError("a contactId is made of letters, digits and . _ : @ + -")
    return _PATH + contact_id
