"""The verbs that change something, which need the admin token. Their docstrings are the texts of --help."""

from typing import Annotated

import typer
from rich.text import Text

from imagecache_cli.answers import Forgotten, Job
from imagecache_cli.api import Json
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_cli.explanations import explain_sync
from imagecache_cli.reading import read
from imagecache_cli.session import Session, open_session
from imagecache_cli.showing import SourceUrl
from imagecache_cli.sweeps import describe_sweep
from imagecache_cli.watch import beeper_advice, find_agent, follow_job, is_drained, is_finished, start_job

# The end of the message after a forget, by the value of `edge` in the API's answer. `not_needed` has none.
_CLOUDFRONT = {
    "told": "; CloudFront deletes its copies, too",
    "not_told": "; CloudFront could not be asked to delete its copies: invalidate /images/* by hand",
}

Watch = Annotated[bool, typer.Option("--watch", help="Wait until everything queued is done.")]


def sync(
    context: typer.Context,
    complete: Annotated[
        bool, typer.Option("--complete", help="Read every chat, not only those that changed.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Delete the chats that Beeper no longer has, however many.")
    ] = False,
) -> None:
    """Read Beeper's chats now, and wait for it. Exit code 1 unless everything was read."""
    session = open_session(context)
    job_id = start_job(session, "/api/sync", {"complete": complete, "force": force})
    agent = find_agent(session)
    if agent and agent.state != "running":
        session.screen.note(
            f"no agent runs, so job {job_id} waits for one:"
            " start it on Beeper's computer with `imagecache agent --stack NAME`"
        )
    document, job = follow_job(session, job_id, is_finished)
    ending = explain_sync(job, beeper_advice(agent))
    session.screen.show(document, Text(ending.sentence))
    # A sync may end without an error and yet without reading Beeper, for example because Beeper is offline.
    if ending.code != "ok":
        raise typer.Exit(1)


def backfill(
    context: typer.Context,
    active_days: Annotated[
        int | None,
        typer.Option("--active-days", min=0, help="Only chats active in the last N days; 0 means all."),
    ] = None,
    watch: Watch = False,
) -> None:
    """Queue every picture that is not cached yet.

    With --watch, wait until the queue is empty. Exit code 1 if all of them failed.
    """
    # Without the field the API uses its own default.
    body = {} if active_days is None else {"activeWithinDays": active_days}
    _queue_many(open_session(context), "/api/images/backfill", body, watch=watch)


def retry_failed(context: typer.Context, watch: Watch = False) -> None:
    """Queue every failed picture once more.

    With --watch, wait until the queue is empty. Exit code 1 if all of them failed again.
    """
    _queue_many(open_session(context), "/api/images/retry-failed", {}, watch=watch)


def cleanup(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Delete even if the deletion brake is on, or without a recent sync."),
    ] = False,
) -> None:
    """Run the nightly sweep now.

    It deletes what is no longer shown, repairs what is lost and queues what is missing. Exit code 1 if
    it fails.
    """
    session = open_session(context)
    job_id = start_job(session, "/api/cleanup", {"dryRun": dry_run, "force": force})
    document, job = follow_job(session, job_id, is_finished)
    if job.status == "failed":
        session.screen.show(
            document, Text(f"the sweep failed: search the function's log for job {job.job_id}")
        )
        raise typer.Exit(1)
    advice = beeper_advice(find_agent(session))
    session.screen.show(document, describe_sweep(job, dry_run=dry_run, advice=advice))


def redrive(context: typer.Context) -> None:
    """Queue the dead-letter queue's messages again. Exit code 1 if that fails."""
    session = open_session(context)
    job_id = start_job(session, "/api/redrive", {})
    document, job = follow_job(session, job_id, is_finished)
    unreadable = job.count("unreadable")
    remainder = f"; {unreadable:,} are not messages of this cache and stay there" if unreadable else ""
    session.screen.show(document, Text(f"{_job_ending(job)}: {job.count('moved'):,} queued again{remainder}"))
    if job.status == "failed":
        raise typer.Exit(1)


def refresh(context: typer.Context, url: SourceUrl) -> None:
    """Download one picture again. The cached copy stays visible until then."""
    _queue_one(open_session(context), "/api/images/refresh", url)


def retry(context: typer.Context, url: SourceUrl) -> None:
    """Try one failed picture again, now."""
    _queue_one(open_session(context), "/api/images/retry", url)


def forget(
    context: typer.Context,
    url: SourceUrl,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first. --json requires it.")] = False,
) -> None:
    """Delete one picture from the cache. Only `refresh` brings it back."""
    session = open_session(context)
    if not yes:
        _ask_before_deleting(session)
    document = session.api.post("/api/images/forget", {"sourceUrl": url})
    answer = read(Forgotten, document)
    # The stack of `make run` has no CloudFront, although its API answers as if it had one.
    cloudfront = "" if session.api.is_local else _CLOUDFRONT.get(answer.edge or "", "")
    deleted = f"forgotten: {answer.deleted_versions:,} stored versions are deleted"
    if answer.hidden_objects:
        deleted += (
            f"; {answer.hidden_objects:,} files were stored just now: nobody can load them any more, and the"
            " nightly sweep deletes them after a day"
        )
    session.screen.show(document, Text(deleted + cloudfront))


def _queue_one(session: Session, path: str, url: str) -> None:
    document = session.api.post(path, {"sourceUrl": url})
    session.screen.show(document, Text("queued: `imagecache explain URL` shows what happens to it"))


def _queue_many(session: Session, path: str, body: Json, *, watch: bool) -> None:
    job_id = start_job(session, path, body)
    # The job is done when all images are queued. Only --watch also waits until they are downloaded.
    if not watch:
        session.screen.show({"jobId": job_id}, Text(f"started as job {job_id}; --watch waits for it"))
        return
    document, job = follow_job(session, job_id, is_drained)
    session.screen.show(document, Text(_describe_queued(job)))
    if job.status == "failed" or _everything_failed(job):
        raise typer.Exit(1)


def _describe_queued(job: Job) -> str:
    failed = job.count("failed")
    ending = "every image failed" if _everything_failed(job) else _job_ending(job)
    counts = f"{job.count('queued'):,} queued, {job.count('done'):,} cached, {failed:,} failed"
    advice = "; `imagecache failed` lists the reasons" if failed else ""
    return f"{ending}: {counts}{advice}"


def _everything_failed(job: Job) -> bool:
    # Some failures are normal, because pictures disappear. If no image was cached, something is broken.
    return job.status == "done" and job.count("failed") > 0 and job.count("done") == 0


def _job_ending(job: Job) -> str:
    return "the job failed" if job.status == "failed" else "done"


def _ask_before_deleting(session: Session) -> None:
    """Asks on stderr. Raises SettingsError if no person can answer, CommandError if the answer is not yes."""
    if session.screen.as_json:
        raise SettingsError("forget deletes the picture, and does not ask you with --json: add --yes")
    # The question is not part of the answer, so it is not printed on stdout.
    session.screen.err.print("Delete this picture from the cache? [y/N] ", end="")
    try:
        answer = input()
    # Standard input is closed, or it is a pipe without a line, so no person can answer.
    except EOFError as error:
        raise SettingsError(
            "forget deletes the picture, and cannot ask you without a terminal: add --yes"
        ) from error
    if answer.strip().lower() not in {"y", "yes"}:
        raise CommandError("nothing was forgotten")
