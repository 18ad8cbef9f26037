"""Verbs that only look."""

from enum import StrEnum
from typing import Annotated

import typer

from imagecache_cli import tables
from imagecache_cli.answers import Chats, ImageRows, Images, References, Stats, Story
from imagecache_cli.api import Json
from imagecache_cli.paging import read_list
from imagecache_cli.reading import read
from imagecache_cli.session import Session, open_session

# What one look-up may ask for; more are asked in several.
_URLS_AT_ONCE = 500


class Only(StrEnum):
    """Which chats the API lists."""

    INBOX = "inbox"
    UNREAD = "unread"
    GROUPS = "groups"
    PINNED = "pinned"
    ARCHIVED = "archived"
    ALL = "all"


All = Annotated[bool, typer.Option("--all", help="Every page, not only the first.")]
SourceUrl = Annotated[str, typer.Argument(metavar="URL", help="The picture's source URL, as Beeper says it.")]


def stats(context: typer.Context) -> None:
    """What the cache holds, and what is amiss."""
    session = open_session(context)
    document = session.api.get("/api/stats")
    session.screen.show(document, tables.stats(read(Stats, document)))


def chats(
    context: typer.Context,
    only: Annotated[Only, typer.Option("--filter", help="Which chats.")] = Only.INBOX,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many, or with --all how many a page.")] = 50,
    account: Annotated[str | None, typer.Option(help="Only this accountId.")] = None,
    everything: All = False,
) -> None:
    """Chats with the state of their pictures, newest first."""
    session = open_session(context)
    query: dict[str, str | int] = {"limit": limit, "filter": only.value, "participants": 0}
    if account is not None:
        query["accountId"] = account
    document = read_list(session.api, "/api/chats", "chats", query, everything=everything)
    session.screen.show(document, tables.chats(read(Chats, document).chats))
    _tell_of_more(session, document)


def uncached(context: typer.Context, everything: All = False) -> None:
    """Who shows a picture that is not cached, and why it is not."""
    session = open_session(context)
    document = read_list(session.api, "/api/images/uncached", "references", {}, everything=everything)
    session.screen.show(document, tables.references(read(References, document).references))
    _tell_of_more(session, document)


def failed(context: typer.Context, everything: All = False) -> None:
    """Images that failed: the reason, and when they are tried again."""
    session = open_session(context)
    query = {"status": "failed"}
    document = read_list(session.api, "/api/images", "images", query, everything=everything)
    session.screen.show(document, tables.failures(read(ImageRows, document).images))
    _tell_of_more(session, document)


def explain(context: typer.Context, url: SourceUrl) -> None:
    """The whole story of one picture. Exit code 1 when nobody has heard of it."""
    session = open_session(context)
    document = session.api.post("/api/images/explain", {"sourceUrl": url})
    told = read(Story, document)
    session.screen.show(document, tables.story(told))
    if told.status == "none":
        raise typer.Exit(1)


def lookup(
    context: typer.Context,
    urls: Annotated[list[str], typer.Argument(metavar="URL...", help="Source URLs, of any scheme.")],
    enqueue: Annotated[bool, typer.Option("--enqueue", help="Queue those that are missing.")] = False,
) -> None:
    """The cached copies of pictures. Exit code 1 when one of them is unknown."""
    session = open_session(context)
    found: Json = {}
    for start in range(0, len(urls), _URLS_AT_ONCE):
        body = {"sourceUrls": urls[start : start + _URLS_AT_ONCE], "enqueue": enqueue}
        answer = session.api.post("/api/images/lookup", body)
        read(Images, answer)
        found |= answer["images"]
    document = {"images": found}
    known = read(Images, document)
    session.screen.show(document, tables.images(known))
    if any(image.status == "none" for image in known.images.values()):
        raise typer.Exit(1)


def _tell_of_more(session: Session, document: Json) -> None:
    if document["nextCursor"] is not None:
        session.screen.note("there is more: --all shows everything")
