"""The verb `former`, which shows the former pictures of a person and chooses one of them."""

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from imagecache_cli.answers import Chats, FormerPicture, FormerPictures, PictureChosen
from imagecache_cli.errors import CommandError
from imagecache_cli.paging import read_list
from imagecache_cli.reading import read
from imagecache_cli.session import Session, open_session
from imagecache_cli.tables import NOTHING, moment, pairs, status, table
from imagecache_cli.watch import wait_for_links

# The API's limits for a page of chats, and for the members that it lists with each chat.
_CHATS_PER_PAGE = 100
_MEMBERS_PER_CHAT = 20


def former(
    context: typer.Context,
    person: Annotated[
        str, typer.Argument(metavar="PERSON", help="A member's full name, or their participantId.")
    ],
    chat: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The chatId of a chat with them; PERSON must be the participantId."),
    ] = None,
    choose: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Show this one of them, in all chats of the person."),
    ] = None,
) -> None:
    """List a person's pictures that Beeper no longer sends, with dates, or choose the one that is shown."""
    session = open_session(context)
    chat_id, participant_id = (chat, person) if chat is not None else _find_member(session, person)
    member: dict[str, str | int] = {"chatId": chat_id, "participantId": participant_id}
    if choose is not None:
        answer = session.api.post("/api/people/pictures/choose", {**member, "sourceUrl": choose})
        wait_for_links(session, read(PictureChosen, answer).job_id, effect="the chats show the picture")
    document = session.api.get("/api/people/pictures", member)
    session.screen.show(document, _render(read(FormerPictures, document)))


def _find_member(session: Session, person: str) -> tuple[str, str]:
    """Returns the ids of a chat and of the one member of chats with this full name or participantId.

    Raises CommandError if there is none, or if there are several.
    """
    query: dict[str, str | int] = {
        "filter": "all",
        "limit": _CHATS_PER_PAGE,
        "participants": _MEMBERS_PER_CHAT,
        "participantFields": "all",
    }
    document = read_list(session.api, "/api/chats", "chats", query, everything=True)
    chat_ids: dict[str, str] = {}
    for chat in read(Chats, document).chats:
        for member in chat.participants:
            participant_id = member.participant_id or ""
            names = {participant_id.casefold(), (member.full_name or "").casefold()}
            if person.casefold() in names and not member.is_self:
                chat_ids.setdefault(participant_id, chat.chat_id)
    if not chat_ids:
        raise CommandError(
            f"'{person}' is not among the first {_MEMBERS_PER_CHAT} members of any chat: give the full name "
            "or the participantId, or for a member of a large group the participantId and --chat"
        )
    if len(chat_ids) > 1:
        raise CommandError(
            f"several members are called '{person}': give the participantId of one: {', '.join(chat_ids)}"
        )
    [(participant_id, chat_id)] = chat_ids.items()
    return chat_id, participant_id


def _render(answer: FormerPictures) -> RenderableType:
    """Returns the name of the member, and a table of the pictures."""
    rows = (
        (
            moment(picture.first_seen),
            moment(picture.last_named) if picture.last_named else "in another chat",
            status(picture.image.status, picture.image.reason),
            _use(picture),
            picture.source_url,
        )
        for picture in answer.pictures
    )
    columns = ("first seen (UTC)", "last named (UTC)", "picture", "used", "source")
    person = pairs({"name": answer.full_name or NOTHING, "participantId": answer.participant_id})
    return Group(person, Text(), table(columns, rows, long=("source",)))


def _use(picture: FormerPicture) -> str:
    uses = [("shown", picture.is_shown), ("chosen", picture.is_chosen)]
    return ", ".join(use for use, is_so in uses if is_so)
