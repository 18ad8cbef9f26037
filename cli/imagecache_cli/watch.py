"""Follows a job: reads its state repeatedly and shows its progress on stderr, until a goal is reached."""

import contextlib
import re
from collections.abc import Callable
from urllib.parse import quote

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from imagecache_cli.answers import Accepted, Agent, Job, Status
from imagecache_cli.api import Json
from imagecache_cli.errors import CommandError, UnreachableError
from imagecache_cli.explanations import WITHOUT_AGENT, BeeperAdvice, agent_advice, explain_sync
from imagecache_cli.reading import read
from imagecache_cli.session import Session

# A Lambda function runs for at most 15 minutes, so a job that does not change for longer has died.
_RUNNING_JOB_SILENCE_SECONDS = 16 * 60.0
# While the laptop is asleep, an image waits for less than this time before it counts as failed.
_QUEUE_SILENCE_SECONDS = 3 * 3600.0
# Seconds between two requests for the state. The pause grows while the job does not change.
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE_AFTER_A_CHANGE = 1.0
_LONGEST_PAUSE = 30.0
_PAUSE_GROWTH = 1.5
# The number of requests in a row that may fail, and the seconds before the next one.
_RETRIES = 5
_RETRY_PAUSE = 2.0

# The outcomes of syncs that have not linked members. `offline` and `unauthorized` are not among them, because
# a sync links members before it asks Beeper.
_NOT_LINKED = {"busy", "superseded", "unfinished", "failed"}

Goal = Callable[[Job], bool]


class SilentJobError(CommandError):
    """A job has not changed for 16 minutes, or the queue that it has filled for 3 hours, so it has died."""


def is_finished(job: Job) -> bool:
    """Returns True if the job is done or has failed. Images that it has queued may still wait."""
    return job.is_over


def is_drained(job: Job) -> bool:
    """Returns True if the job is done and none of its queued images waits, or if the job has failed."""
    return job.status == "failed" or (job.status == "done" and job.count("waiting") == 0)


def wait_for_links(session: Session, job_id: str, *, effect: str) -> None:
    """Waits until a sync has linked all members, or says on stderr that it has not.

    `effect` is a clause that says what is different then. Raises CommandError.
    """
    _, job = follow_job(session, job_id, is_finished)
    ending = explain_sync(job, WITHOUT_AGENT)  # no advice about Beeper is shown here
    if ending.code in _NOT_LINKED:
        session.screen.note(f"{ending.sentence}; after the next sync {effect}")


def find_agent(session: Session) -> Agent | None:
    """Returns the agent of the stack, or None if it has none or the API cannot say."""
    with contextlib.suppress(CommandError):
        return read(Status, session.api.get("/api/status")).agent
    return None


def beeper_advice(agent: Agent | None) -> BeeperAdvice:
    """Returns what a person can do about Beeper, which depends on whether an agent reads it."""
    return agent_advice() if agent else WITHOUT_AGENT


def start_job(session: Session, path: str, body: Json) -> str:
    """Starts a job and returns its id. Raises CommandError."""
    return read(Accepted, session.api.post(path, body)).job_id


def follow_job(session: Session, job_id: str, goal: Goal) -> tuple[Json, Job]:
    """Waits until the job reaches the goal. Returns its last state as JSON and as a Job.

    Raises SilentJobError if the job no longer changes, and CommandError if its state cannot be read.
    """
    with _progress_bar(session.screen.err) as bar:
        task = bar.add_task("waiting for the job to start", total=None)
        try:
            return _poll(session, job_id, goal, lambda job: _draw(bar, task, job))
        # Ctrl-C ends only the watch. The job runs on AWS, or in the process of `make run`.
        except KeyboardInterrupt:
            session.screen.note(f"no longer watching: job {job_id} continues by itself")
            raise


def _poll(session: Session, job_id: str, goal: Goal, on_progress: Callable[[Job], None]) -> tuple[Json, Job]:
    # The function may run for minutes without a change, so the time since the last change is what counts.
    last_job: Job | None = None
    changed_at = session.outside.seconds()
    pause = _FIRST_PAUSE
    while True:
        document, job = _read_job(session, job_id)
        on_progress(job)
        if goal(job):
            return document, job
        # Every step of a job changes its status or its counts, so an unchanged job has done no step.
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
    """Returns the seconds for which the job may stay unchanged, or after its end, the queue of its images."""
    return _QUEUE_SILENCE_SECONDS if job.is_over else _RUNNING_JOB_SILENCE_SECONDS


def _read_job(session: Session, job_id: str) -> tuple[Json, Job]:
    """Returns the job's state. Repeats a request that got no answer, because a watch may last for hours."""
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
    # In a log file or a pipe, the bar would be a new line for each change.
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _draw(bar: Progress, task: TaskID, job: Job) -> None:
    """Updates the bar with the number of queued images that are done or have failed."""
    # While `done` is missing, the API has only lower bounds of the counts, so the total stays unknown.
    completed = job.count("done") + job.count("failed")
    total = job.count("queued") if "done" in job.progress else None
    description = f"{job.kind}: {_describe_progress(job) or job.status}"
    bar.update(task, description=description, completed=completed, total=total)


def _describe_progress(job: Job) -> str:
    """Returns the counts that are not zero, without sizes in bytes, such as `9 chats, 3 versions deleted`."""
    return ", ".join(
        f"{count:,} {_in_words(name)}"
        for name, count in job.progress.items()
        if count and not name.lower().endswith(("bytes", "bytesfreed"))
    )


def _in_words(name: str) -> str:
    """Returns the name of a count in words, such as `versions deleted` for `versionsDeleted`."""
    return re.sub(r"[A-Z]", lambda capital: f" {capital[0].lower()}", name)
