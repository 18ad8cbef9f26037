"""Follows a job: asks for its state, shows its progress on stderr, and ends when the goal is reached."""

import contextlib
import re
from collections.abc import Callable
from urllib.parse import quote

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from imagecache_cli.answers import Accepted, Job
from imagecache_cli.api import Json
from imagecache_cli.errors import CommandError, UnreachableError
from imagecache_cli.reading import read
from imagecache_cli.session import Session

# Longer than any function can run: a job that is unchanged for so long has died.
_RUNNING_JOB_SILENCE_SECONDS = 16 * 60.0
# Longer than an image waits for a laptop that is asleep before it counts as failed.
_QUEUE_SILENCE_SECONDS = 3 * 3600.0
# Seconds between two requests for the state: short while the job changes, long while it does not.
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE_AFTER_A_CHANGE = 1.0
_LONGEST_PAUSE = 30.0
_PAUSE_GROWTH = 1.5
# Requests that may fail in a row before the watch ends, and the seconds between them.
_RETRIES = 5
_RETRY_PAUSE = 2.0

Goal = Callable[[Job], bool]


class SilentJobError(CommandError):
    """A job has not changed for longer than any step of it can take."""


def is_finished(job: Job) -> bool:
    """Returns True if the job itself has nothing left to do."""
    return job.is_over


def is_drained(job: Job) -> bool:
    """Returns True if no image that the job has queued is waiting any more, or if the job failed."""
    return job.status == "failed" or (job.status == "done" and job.count("waiting") == 0)


def start_job(session: Session, path: str, body: Json) -> str:
    """Starts a job and returns its id. Raises CommandError."""
    return read(Accepted, session.api.post(path, body)).job_id


def follow_job(session: Session, job_id: str, goal: Goal) -> tuple[Json, Job]:
    """Waits until the job reaches the goal and returns its last state, as JSON and as read.

    Raises CommandError, SilentJobError.
    """
    with _progress_bar(session.screen.err) as bar:
        task = bar.add_task("waiting for the job to start", total=None)
        try:
            return _poll(session, job_id, goal, lambda job: _draw(bar, task, job))
        except KeyboardInterrupt:
            session.screen.note(f"no longer watching: job {job_id} continues by itself")
            raise


def _poll(session: Session, job_id: str, goal: Goal, on_progress: Callable[[Job], None]) -> tuple[Json, Job]:
    last_job: Job | None = None
    changed_at = session.outside.seconds()
    pause = _FIRST_PAUSE
    while True:
        document, job = _read_job(session, job_id)
        on_progress(job)
        if goal(job):
            return document, job
        # Every step of a job changes its status or its counts.
        if job != last_job:
            last_job = job
            changed_at = session.outside.seconds()
            pause = min(pause, _LONGEST_PAUSE_AFTER_A_CHANGE)
        elif session.outside.seconds() - changed_at > _longest_silence(job):
            raise SilentJobError(
                f"job {job_id} has made no progress for {_longest_silence(job) / 60:.0f} minutes: "
                "search the function's log for the job's id"
            )
        session.outside.sleep(pause)
        pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE)


def _longest_silence(job: Job) -> float:
    """Returns the seconds for which the job, or the queue that it has filled, may stay unchanged."""
    return _QUEUE_SILENCE_SECONDS if job.is_over else _RUNNING_JOB_SILENCE_SECONDS


def _read_job(session: Session, job_id: str) -> tuple[Json, Job]:
    """Returns the job's state. A network that fails for a moment must not end a watch of an hour."""
    for _ in range(_RETRIES):
        with contextlib.suppress(UnreachableError):
            return _read_job_once(session, job_id)
        session.outside.sleep(_RETRY_PAUSE)
    return _read_job_once(session, job_id)


def _read_job_once(session: Session, job_id: str) -> tuple[Json, Job]:
    document = session.api.get(f"/api/jobs/{quote(job_id, safe='')}")
    return document, read(Job, document)


def _progress_bar(console: Console) -> Progress:
    columns = (
        SpinnerColumn(),
        BarColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
    )
    # A log file or a pipe gets no bar, which would be a line for each change.
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _draw(bar: Progress, task: TaskID, job: Job) -> None:
    """Shows how many of the queued images are done. There is no total until the API can count them."""
    completed = job.count("done") + job.count("failed")
    total = job.count("queued") if "done" in job.progress else None
    description = f"{job.kind}: {_describe_progress(job) or job.status}"
    bar.update(task, description=description, completed=completed, total=total)


def _describe_progress(job: Job) -> str:
    """Returns the counts that are not zero: `9 chats, 3 versions deleted`. Sizes in bytes are left out."""
    return ", ".join(
        f"{count:,} {_in_words(name)}"
        for name, count in job.progress.items()
        if count and not name.lower().endswith(("bytes", "bytesfreed"))
    )


def _in_words(name: str) -> str:
    """Returns the name of a count in words: `versionsDeleted` is `versions deleted`."""
    return re.sub(r"[A-Z]", lambda capital: f" {capital[0].lower()}", name)
