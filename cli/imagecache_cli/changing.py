"""Verbs that change something; they take the admin token."""

from typing import Annotated

import typer
from rich.text import Text

from imagecache_cli.answers import Forgotten, Job
from imagecache_cli.api import Json
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_cli.outcomes import tell_outcome
from imagecache_cli.reading import read
from imagecache_cli.session import Session, open_session
from imagecache_cli.showing import SourceUrl
from imagecache_cli.sweeps import tell_sweep
from imagecache_cli.watch import follow_job, is_drained, is_finished, start_job

_EDGE = {
    "told": ", and CloudFront drops its copies",
    "not_told": "; CloudFront could not be told and goes on serving its copies: invalidate /images/* by hand",
}

Watch = Annotated[bool, typer.Option("--watch", help="Wait until the queue is drained.")]


def sync(
    context: typer.Context,
    complete: Annotated[
        bool, typer.Option("--complete", help="Read every chat, not only what moved.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Delete even if very many chats are gone.")] = False,
) -> None:
    """Read Beeper's chats now, and wait for it. Exit code 1 unless everything could be read."""
    session = open_session(context)
    job_id = start_job(session, "/api/sync", {"complete": complete, "force": force})
    document, job = follow_job(session, job_id, is_finished)
    outcome = tell_outcome(job)
    session.screen.show(document, Text(outcome.sentence))
    if not outcome.is_good:
        raise typer.Exit(1)


def backfill(
    context: typer.Context,
    active_days: Annotated[
        int | None,
        typer.Option("--active-days", min=0, help="Only chats that moved within so many days; 0: all."),
    ] = None,
    watch: Watch = False,
) -> None:
    """Queue every picture that is not cached yet."""
    body = {} if active_days is None else {"activeWithinDays": active_days}
    _queue_many(open_session(context), "/api/images/backfill", body, watch=watch)


def retry_failed(context: typer.Context, watch: Watch = False) -> None:
    """Queue every failed picture once more."""
    _queue_many(open_session(context), "/api/images/retry-failed", {}, watch=watch)


def cleanup(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Delete even very many, or without a recent sync.")
    ] = False,
) -> None:
    """Sweep now, as every night: delete what nobody shows, mend what is lost, queue what is missing."""
    session = open_session(context)
    job_id = start_job(session, "/api/cleanup", {"dryRun": dry_run, "force": force})
    document, job = follow_job(session, job_id, is_finished)
    if job.status == "failed":
        session.screen.show(document, Text("the sweep failed: look at its function's log"))
        raise typer.Exit(1)
    session.screen.show(document, tell_sweep(job, dry_run=dry_run))


def redrive(context: typer.Context) -> None:
    """Queue again what the dead-letter queue holds, and wait for it. Exit code 1 when that fails."""
    session = open_session(context)
    job_id = start_job(session, "/api/redrive", {})
    document, job = follow_job(session, job_id, is_finished)
    session.screen.show(document, Text(_redriven(job)))
    if job.status == "failed":
        raise typer.Exit(1)


def refresh(context: typer.Context, url: SourceUrl) -> None:
    """Fetch one picture anew; what is cached stays visible meanwhile."""
    _queue_one(open_session(context), "/api/images/refresh", url)


def retry(context: typer.Context, url: SourceUrl) -> None:
    """Try one failed picture again, now."""
    _queue_one(open_session(context), "/api/images/retry", url)


def forget(
    context: typer.Context,
    url: SourceUrl,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; --json never asks and needs it.")] = False,
) -> None:
    """Delete one picture; only `refresh` brings it back."""
    session = open_session(context)
    if not yes:
        _ask_before_deleting(session)
    document = session.api.post("/api/images/forget", {"sourceUrl": url})
    done = read(Forgotten, document)
    told = f"forgotten: {done.deleted_versions:,} stored versions are deleted"
    session.screen.show(document, Text(told + _EDGE.get(done.edge or "", "")))


def _queue_one(session: Session, path: str, url: str) -> None:
    document = session.api.post(path, {"sourceUrl": url})
    session.screen.show(document, Text("queued: `imagecache explain URL` tells what becomes of it"))


def _queue_many(session: Session, path: str, body: Json, *, watch: bool) -> None:
    job_id = start_job(session, path, body)
    if not watch:
        session.screen.show({"jobId": job_id}, Text(f"started as job {job_id}; --watch waits for it"))
        return
    document, job = follow_job(session, job_id, is_drained)
    session.screen.show(document, Text(_told(job)))
    if job.status == "failed":
        raise typer.Exit(1)


def _told(job: Job) -> str:
    counts = f"{job.count('queued'):,} queued, {job.count('done'):,} cached, {job.count('failed'):,} failed"
    return f"{_ending(job)}: {counts}"


def _redriven(job: Job) -> str:
    unreadable = job.count("unreadable")
    left = f"; {unreadable:,} are no messages of ours and stay there" if unreadable else ""
    return f"{_ending(job)}: {job.count('moved'):,} queued again{left}"


def _ending(job: Job) -> str:
    return "the job failed" if job.status == "failed" else "done"


def _ask_before_deleting(session: Session) -> None:
    """Raises SettingsError where nobody can be asked, CommandError where somebody says no."""
    if session.screen.as_json:
        raise SettingsError("forget deletes the picture: with --json say --yes too")
    session.screen.err.print("Delete this picture from the cache? [y/N] ", end="")
    try:
        answer = input()
    except EOFError as error:
        raise SettingsError("forget deletes the picture: say --yes where nobody can be asked") from error
    if answer.strip().lower() not in {"y", "yes"}:
        raise CommandError("nothing was forgotten")
