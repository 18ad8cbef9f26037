"""Follows a job: asks, draws what it hears on stderr, ends when there is nothing left to wait for."""

import contextlib
from collections.abc import Callable
from urllib.parse import quote

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from imagecache_cli.answers import Accepted, Job
from imagecache_cli.api import Json
from imagecache_cli.errors import CommandError, UnreachableError
from imagecache_cli.reading import read
from imagecache_cli.session import Session

# Seconds without any news. Longer than a function can run: then the job has died.
_JOB_PATIENCE = 16 * 60.0
# Longer than an image may wait for a laptop that sleeps before it counts as failed.
_QUEUE_PATIENCE = 3 * 3600.0
# Seconds between two questions: soon while something moves, seldom while nothing does.
_FIRST_PAUSE, _PAUSE, _LONGEST_PAUSE = 0.25, 1.0, 30.0
_MISSED_ANSWERS, _BLINK = 5, 2.0

Goal = Callable[[Job], bool]


class SilentJobError(CommandError):
    """Nothing has changed for longer than anything can take."""


def is_finished(job: Job) -> bool:
    """The job itself has nothing left to do."""
    return job.is_over


def is_drained(job: Job) -> bool:
    """Nothing waits any more that the job has queued."""
    return job.status == "failed" or (job.status == "done" and job.count("waiting") == 0)


def start_job(session: Session, path: str, body: Json) -> str:
    """Its id. Raises CommandError."""
    return read(Accepted, session.api.post(path, body)).job_id


def follow_job(session: Session, job_id: str, goal: Goal) -> tuple[Json, Job]:
    """The job as it was when the goal was reached. Raises CommandError."""
    with _bar(session.screen.err) as bar:
        shown = bar.add_task("waiting for it to begin", total=None)
        try:
            return _until(session, job_id, goal, lambda job: _draw(bar, shown, job))
        except KeyboardInterrupt:
            session.screen.note(f"no longer watching: job {job_id} goes on by itself")
            raise


def _until(session: Session, job_id: str, goal: Goal, draw: Callable[[Job], None]) -> tuple[Json, Job]:
    last, since, pause = None, session.outside.seconds(), _FIRST_PAUSE
    while True:
        document, job = _ask(session, job_id)
        draw(job)
        if goal(job):
            return document, job
        if job != last:
            last, since, pause = job, session.outside.seconds(), min(pause, _PAUSE)
        elif session.outside.seconds() - since > _patience(job):
            raise SilentJobError(
                f"job {job_id} has not moved for {_patience(job) / 60:.0f} minutes: look at its log"
            )
        session.outside.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _patience(job: Job) -> float:
    return _QUEUE_PATIENCE if job.is_over else _JOB_PATIENCE


def _ask(session: Session, job_id: str) -> tuple[Json, Job]:
    """A laptop's network blinks: that alone ends no watch of an hour."""
    for _ in range(_MISSED_ANSWERS):
        with contextlib.suppress(UnreachableError):
            return _ask_once(session, job_id)
        session.outside.sleep(_BLINK)
    return _ask_once(session, job_id)


def _ask_once(session: Session, job_id: str) -> tuple[Json, Job]:
    document = session.api.get(f"/api/jobs/{quote(job_id, safe='')}")
    return document, read(Job, document)


def _bar(console: Console) -> Progress:
    columns = (
        SpinnerColumn(),
        BarColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _draw(bar: Progress, shown: TaskID, job: Job) -> None:
    """Images that are through, of all that were queued; without a total while the job still counts them."""
    told = ", ".join(f"{count:,} {name}" for name, count in job.progress.items())
    through = job.count("done") + job.count("failed")
    total = job.count("queued") if "waiting" in job.progress else None
    bar.update(shown, description=f"{job.kind}: {told or job.status}", completed=through, total=total)
