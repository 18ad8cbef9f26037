"""The verbs that only show something. Their docstrings are the texts of --help."""

from enum import StrEnum
from typing import Annotated

import typer

from imagecache_cli import tables
from imagecache_cli.answers import Chats, ImageRows, Images, References, ShownPictures, Stats, Story
from imagecache_cli.api import Json
from imagecache_cli.paging import read_list
from imagecache_cli.reading import read
from imagecache_cli.session import Session, open_session

# The API's limit for one look-up. More URLs are sent in several requests.
_URLS_PER_REQUEST = 500


class ChatFilter(StrEnum):
    """The filters of the API's list of chats."""

    INBOX = "inbox"
    UNREAD = "unread"
    GROUPS = "groups"
    PINNED = "pinned"
    LOW_PRIORITY = "low-priority"
    ARCHIVED = "archived"
    ALL = "all"


All = Annotated[bool, typer.Option("--all", help="Every page, not only the first.")]
SourceUrl = Annotated[
    str, typer.Argument(metavar="URL", help="The source URL of a picture, as `pictures --of NAME` lists it.")
]


def stats(context: typer.Context) -> None:
    """Show what the cache holds, and when sync last ran."""
    session = open_session(context)
    document = session.api.get("/api/stats")
    session.screen.show(document, tables.render_stats(read(Stats, document)))


def chats(
    context: typer.Context,
    chat_filter: Annotated[ChatFilter, typer.Option("--filter", help="Which chats.")] = ChatFilter.INBOX,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many, or with --all how many a page.")] = 50,
    account: Annotated[str | None, typer.Option(help="Only chats of this accountId.")] = None,
    everything: All = False,
) -> None:
    """List the newest chats with the states of their pictures."""
    session = open_session(context)
    # The table does not show members, so the answer need not contain any.
    query: dict[str, str | int] = {"limit": limit, "filter": chat_filter.value, "participants": 0}
    if account is not None:
        query["accountId"] = account
    document = read_list(session.api, "/api/chats", "chats", query, everything=everything)
    session.screen.show(document, tables.render_chats(read(Chats, document).chats))
    _note_further_pages(session, document)


def uncached(context: typer.Context, everything: All = False) -> None:
    """List the pictures that are not cached, each with the people and chats that show it."""
    session = open_session(context)
    document = read_list(session.api, "/api/images/uncached", "references", {}, everything=everything)
    session.screen.show(document, tables.render_uncached(read(References, document).references))
    _note_further_pages(session, document)


def pictures(
    context: typer.Context,
    name: Annotated[
        str, typer.Option("--of", metavar="NAME", help="A part of a member's name or of a chat's title.")
    ],
) -> None:
    """Find the pictures of people and chats by name, with the URLs that `forget` and `refresh` take.

    Exit code 1 if there is none.
    """
    session = open_session(context)
    document = read_list(session.api, "/api/images/shown", "pictures", {"name": name}, everything=True)
    answer = read(ShownPictures, document)
    session.screen.show(document, tables.render_pictures(answer.pictures), wraps=False)
    if not answer.pictures:
        session.screen.note(f"no picture of '{name}': `imagecache chats --all` lists the titles of all chats")
        raise typer.Exit(1)


def failed(context: typer.Context, everything: All = False) -> None:
    """List the images that failed. Each has a reason and the time of its next try."""
    session = open_session(context)
    query = {"status": "failed"}
    document = read_list(session.api, "/api/images", "images", query, everything=everything)
    session.screen.show(document, tables.render_failures(read(ImageRows, document).images))
    _note_further_pages(session, document)


def explain(context: typer.Context, url: SourceUrl) -> None:
    """Show what happened to one picture, and who shows it. Exit code 1 if it is unknown."""
    session = open_session(context)
    document = session.api.post("/api/images/explain", {"sourceUrl": url})
    story = read(Story, document)
    session.screen.show(document, tables.render_story(story))
    # Scripts can thus test whether a picture was ever queued.
    if story.status == "none":
        raise typer.Exit(1)


def lookup(
    context: typer.Context,
    urls: Annotated[list[str], typer.Argument(metavar="URL...", help="Source URLs, of any scheme.")],
    enqueue: Annotated[bool, typer.Option("--enqueue", help="Queue the missing ones.")] = False,
) -> None:
    """Show the cached copies of pictures. Exit code 1 if one was never queued or was forgotten."""
    session = open_session(context)
    images: Json = {}
    for start in range(0, len(urls), _URLS_PER_REQUEST):
        body = {"sourceUrls": urls[start : start + _URLS_PER_REQUEST], "enqueue": enqueue}
        page = session.api.post("/api/images/lookup", body)
        read(Images, page)  # raises an error before an answer of another form is joined to the others
        images |= page["images"]
    document = {"images": images}
    answer = read(Images, document)
    session.screen.show(document, tables.render_images(answer))
    missing = [image for image in answer.images.values() if image.status == "none"]
    if not enqueue and any(image.reason is None for image in missing):
        session.screen.note("some pictures were never queued: --enqueue queues them")
    if missing:
        raise typer.Exit(1)


def _note_further_pages(session: Session, document: Json) -> None:
    if document["nextCursor"] is not None:
        session.screen.note("there is more: --all shows everything")
