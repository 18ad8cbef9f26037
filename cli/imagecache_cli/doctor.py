"""The connection test: asks everything that can be asked, and says of each what to do."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus

import typer
from rich.text import Text

from imagecache_cli import tables
from imagecache_cli.answers import Health, Origin, Stats
from imagecache_cli.errors import CommandError, RefusedError, UnexpectedAnswerError
from imagecache_cli.outcomes import NEW_TOKEN_ADVICE, START_ADVICE, tell_outcome
from imagecache_cli.reading import read
from imagecache_cli.session import Session, open_session
from imagecache_cli.watch import follow_job, is_finished, start_job

_SYNC_IS_LATE = timedelta(days=1)
# No job has this name: the admin token hears 404, the read token 403.
_NO_JOB = "/api/jobs/doctor"

_ADVICE = {
    "gone": "Beeper no longer has them: a sync brings newer pictures",
    "origin_down": "they are tried again once Beeper answers; `imagecache retry-failed` does it now",
    "undecodable": "broken bytes; `imagecache explain URL` says more",
    "crashed": "the decoder died of them; `imagecache retry URL` tries one again",
    "refused": "an address that may not be asked, or Beeper will not serve it",
    "too_large": "over 5 MB or 40 megapixels: nothing to do",
}
_NO_ADVICE = "never fetched as they are; `imagecache failed` lists them"


class Verdict(StrEnum):
    """`bad` alone makes the command fail."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.BAD: "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what to do; `remedy` is empty when nothing is to be done."""

    subject: str
    verdict: Verdict
    found: str
    remedy: str = ""


def doctor(context: typer.Context) -> None:
    """Test the connection: the API, the token, Beeper, the pictures. Exit code 1 when something is bad."""
    session = open_session(context)
    findings = list(_examine(session))
    healthy = all(finding.verdict is not Verdict.BAD for finding in findings)
    document = {"healthy": healthy, "findings": [asdict(finding) for finding in findings]}
    rows = (
        (Text(one.verdict.value, style=_COLOURS[one.verdict]), one.subject, one.found, one.remedy)
        for one in findings
    )
    session.screen.show(document, tables.table(("", "", "found", "what to do"), rows, long=("what to do",)))
    if not healthy:
        raise typer.Exit(1)


def _examine(session: Session) -> Iterator[Finding]:
    """Stops where nothing further could be asked."""
    try:
        health = read(Health, session.api.get("/api/health"))
    except CommandError as error:
        yield Finding("API", Verdict.BAD, str(error), "mend IMAGECACHE_URL, or start `make run`")
        return
    yield Finding("API", Verdict.OK, f"answers at {session.api.url}")
    try:
        is_admin = _is_admin(session)
        yield _whose_token(is_admin=is_admin)
        yield _beeper_now(session, health) if is_admin else _beeper_as_last_seen(health.origin)
        stats = read(Stats, session.api.get("/api/stats"))
    except CommandError as error:
        yield _trouble(error)
        return
    yield _last_sync(stats, session.outside.now())
    yield _pictures(stats)
    yield from _failures(stats)


def _trouble(error: CommandError) -> Finding:
    if isinstance(error, RefusedError) and error.status == HTTPStatus.UNAUTHORIZED:
        return Finding("token", Verdict.BAD, "not accepted", "set IMAGECACHE_TOKEN to the one in use")
    return Finding("API", Verdict.BAD, str(error), "look at the functions' logs")


def _is_admin(session: Session) -> bool:
    try:
        session.api.get(_NO_JOB)
    except RefusedError as refused:
        if refused.status not in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST}:
            raise
        return refused.status != HTTPStatus.FORBIDDEN
    return True


def _whose_token(*, is_admin: bool) -> Finding:
    if is_admin:
        return Finding("token", Verdict.OK, "the admin token")
    return Finding("token", Verdict.OK, "the read token: may look, not change")


def _beeper_now(session: Session, health: Health) -> Finding:
    job_id = start_job(session, "/api/sync", {"complete": False, "force": False})
    outcome = tell_outcome(follow_job(session, job_id, is_finished)[1])
    if outcome.word in {"busy", "superseded"}:
        return _beeper_as_last_seen(health.origin)
    if outcome.word in {"ok", "unfinished"}:
        return Finding("Beeper", Verdict.OK, "reachable, and its token is good: a sync has just read it")
    found, _, remedy = outcome.sentence.partition(": ")
    return Finding("Beeper", Verdict.BAD, found, remedy)


def _beeper_as_last_seen(origin: Origin) -> Finding:
    seen = f"when sync last asked ({tables.moment(origin.checked_at)} UTC)"
    match origin.state:
        case "ok":
            return Finding("Beeper", Verdict.OK, f"answered {seen}")
        case "offline":
            return Finding("Beeper", Verdict.BAD, f"could not be reached {seen}", START_ADVICE)
        case "unauthorized":
            return Finding("Beeper", Verdict.BAD, f"refused the token {seen}", NEW_TOKEN_ADVICE)
    return Finding(
        "Beeper", Verdict.WARN, "was never asked", "`imagecache sync` with the admin token asks it"
    )


def _last_sync(stats: Stats, now: datetime) -> Finding:
    succeeded = stats.last_sync.succeeded_at
    if succeeded is None:
        return Finding("sync", Verdict.WARN, "has never succeeded", "`imagecache sync`")
    found = f"last succeeded {tables.moment(succeeded)} UTC"
    if now - _time_of(succeeded) > _SYNC_IS_LATE:
        return Finding("sync", Verdict.WARN, found, "is its schedule on? is Beeper running by day?")
    return Finding("sync", Verdict.OK, found)


def _time_of(iso: str) -> datetime:
    try:
        return datetime.fromisoformat(iso).astimezone(UTC)
    except ValueError as error:
        raise UnexpectedAnswerError(f"lastSync.succeededAt is no moment: {iso}") from error


def _pictures(stats: Stats) -> Finding:
    found = f"{stats.total_cached_images:,} cached, {stats.pending:,} pending"
    if stats.total_cached_images:
        return Finding("pictures", Verdict.OK, found)
    if stats.pending:
        return Finding("pictures", Verdict.WARN, found, "the first ones take a minute: ask again")
    return Finding("pictures", Verdict.BAD, found, "`imagecache backfill --watch` queues all of them")


def _failures(stats: Stats) -> Iterator[Finding]:
    if not stats.failed:
        yield Finding("failures", Verdict.OK, "none")
    for reason, count in sorted(stats.failed_by_reason.items()):
        yield Finding("failures", Verdict.WARN, f"{count:,} {reason}", _ADVICE.get(reason, _NO_ADVICE))
