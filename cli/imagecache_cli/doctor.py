"""The verb `doctor`: tests the API, the token, Beeper and the pictures, and says what to do."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from imagecache_cli import tables
from imagecache_cli.access import find_beeper
from imagecache_cli.answers import Agent, ImageRow, ImageRows, Origin, Stats, Status
from imagecache_cli.beeper import NO_TIME, ContractReport, compare_contract
from imagecache_cli.errors import CommandError, NotReadyError, RefusedError, UnexpectedAnswerError
from imagecache_cli.explanations import (
    UNREACHABLE_WEB_SERVER,
    BeeperAdvice,
    Explanation,
    explain_failure,
    explain_sync,
    unreachable_beeper,
)
from imagecache_cli.paging import read_list
from imagecache_cli.reading import read
from imagecache_cli.screen import Screen
from imagecache_cli.session import Options, Outside, Session, open_session
from imagecache_cli.watch import beeper_advice, follow_job, is_finished, start_job

# The laptop may be asleep for a night, so a sync that is a few hours late is normal.
_SYNC_IS_LATE_AFTER = timedelta(days=1)
# No job has this id, so the API answers 404 to the admin token and 403 to the read token. Thus a request for
# it finds out which token this is.
_UNUSED_JOB = "/api/jobs/doctor"
_WAIT_FOR_SYNC = "a sync is running: wait for it"


class Verdict(StrEnum):
    """The severity of a finding. Only BAD makes the command fail."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.BAD: "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of the test. `remedy` is empty if there is nothing to do."""

    subject: str
    verdict: Verdict
    found: str
    remedy: str = ""


def doctor(
    context: typer.Context,
    contract: Annotated[
        bool, typer.Option("--contract", help="Ask Beeper itself, and list what we do not know of its API.")
    ] = False,
    beeper_url: Annotated[
        str | None, typer.Option(help="Beeper's address for --contract; else BEEPER_URL, else this machine.")
    ] = None,
) -> None:
    """Test the API, the token, Beeper and the pictures. Exit code 1 if something is bad.

    With --contract, it asks a Beeper instead of the API, with the token in BEEPER_TOKEN or one that is typed,
    and prints the names and kinds of the fields that are new or have changed. The output has no values, so it
    can be part of a bug report.
    """
    if contract:
        _show_contract(context, beeper_url)
        return
    session = open_session(context)
    findings = list(_examine(session))
    healthy = all(finding.verdict is not Verdict.BAD for finding in findings)
    document = {"healthy": healthy, "findings": [asdict(finding) for finding in findings]}
    session.screen.show(document, render_findings(findings))
    if not healthy:
        raise typer.Exit(1)


def _show_contract(context: typer.Context, beeper_url: str | None) -> None:
    options: Options = context.meta["options"]
    outside: Outside = context.meta["outside"]
    screen = Screen.open(as_json=options.as_json)
    report = compare_contract(find_beeper(beeper_url, environment=outside.environment))
    screen.show(asdict(report), render_contract(report))
    is_complete = all(not_asked.reason != NO_TIME for not_asked in report.not_asked)
    if not is_complete or any(difference.known for difference in report.differences):
        raise typer.Exit(1)


def render_contract(report: ContractReport) -> Table:
    """Returns the requests, those not asked, and each field that is new or has changed, with its kinds."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for asked in report.asked:
        grid.add_row(Text("asked"), Text(f"{asked.request}: HTTP {asked.status}"))
    for not_asked in report.not_asked:
        found = f"{not_asked.request}: {not_asked.reason}"
        grid.add_row(Text("not asked", style="yellow"), Text(found))
    for difference in report.differences:
        if difference.known:
            found = f"{difference.field}: {difference.found} instead of {difference.known}"
            grid.add_row(Text("changed", style="red"), Text(found))
        else:
            grid.add_row(Text("new", style="yellow"), Text(f"{difference.field}: {difference.found}"))
    if report.hidden_names:
        grid.add_row(Text("hidden"), Text(f"{report.hidden_names:,} names that could be personal"))
    if not report.differences:
        found = "every field of these answers is known, and has the kind that we know"
        grid.add_row(Text("ok", style="green"), Text(found))
    return grid


def render_findings(findings: Iterable[Finding]) -> Table:
    """Returns a table of the findings. Each remedy is below its finding, so that narrow terminals show it."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for finding in findings:
        verdict = Text(finding.verdict.value, style=_COLOURS[finding.verdict])
        grid.add_row(verdict, Text(finding.subject), Text(finding.found))
        if finding.remedy:
            grid.add_row("", "", Text(f"What to do: {finding.remedy}", style="bold"))
    return grid


def _examine(session: Session) -> Iterator[Finding]:
    """Yields the findings. Ends early if the API does not answer or refuses the token."""
    try:
        session.api.get("/api/health")
    except NotReadyError as error:
        yield Finding("API", Verdict.BAD, str(error))
        return
    except CommandError as error:
        yield Finding("API", Verdict.BAD, str(error), "correct IMAGECACHE_URL, or start `make run`")
        return
    yield Finding("API", Verdict.OK, f"answers at {session.api.url}")
    try:
        is_admin = _has_admin_token(session)
        yield _token(is_admin=is_admin)
        status = read(Status, session.api.get("/api/status"))
        advice = beeper_advice(status.agent)
        if status.agent:
            yield _agent(status.agent)
        # Only a sync asks Beeper now, and only the admin token may start one. An absent agent would do none.
        may_sync = is_admin and (status.agent is None or status.agent.state == "running")
        ending = _sync(session, advice) if may_sync else None
        # Another sync is running and asks Beeper. The state that it records is the best answer there is.
        is_syncing = ending is not None and ending.code in {"busy", "superseded"}
        if ending is None or is_syncing:
            yield _beeper_at_last_sync(status.origin, advice, is_syncing=is_syncing)
        else:
            yield _beeper_now(ending)
        stats = read(Stats, session.api.get("/api/stats"))
        unreachable = _unreachable_images(session, stats)
    except CommandError as error:
        yield _api_error(error)
        return
    # These findings need no further request, so no error can prevent one of them.
    yield _last_sync(stats, session.outside.now(), is_syncing=is_syncing)
    yield from _accounts(stats)
    yield _pictures(stats)
    yield from _failures(stats, unreachable, advice)


def _api_error(error: CommandError) -> Finding:
    if isinstance(error, RefusedError) and error.status == HTTPStatus.UNAUTHORIZED:
        return Finding("token", Verdict.BAD, "not accepted", "set IMAGECACHE_TOKEN to the current token")
    return Finding("API", Verdict.BAD, str(error), "search the functions' logs for errors")


def _has_admin_token(session: Session) -> bool:
    try:
        session.api.get(_UNUSED_JOB)
    except RefusedError as error:
        if error.status not in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST}:
            raise
        return error.status != HTTPStatus.FORBIDDEN
    return True


def _token(*, is_admin: bool) -> Finding:
    found = "the admin token" if is_admin else "the read token, which can change nothing"
    return Finding("token", Verdict.OK, found)


def _agent(agent: Agent) -> Finding:
    seen = f"last seen {tables.utc(agent.last_seen_at)}"
    match agent.state:
        case "running":
            return Finding("agent", Verdict.OK, f"runs since {tables.utc(agent.since)}, {seen}")
        case "silent":
            remedy = "is its computer on and connected? `imagecache agent status` there says more"
            return Finding("agent", Verdict.WARN, seen, remedy)
        case "stopped":
            remedy = "start it on Beeper's computer: `imagecache agent --stack NAME`"
            return Finding("agent", Verdict.BAD, f"stopped, {seen}", remedy)
        case _:
            remedy = "install it on Beeper's computer: `imagecache agent install --stack NAME`"
            return Finding("agent", Verdict.BAD, "was never seen", remedy)


def _sync(session: Session, advice: BeeperAdvice) -> Explanation:
    """Runs a sync, and returns the explanation of how it ended."""
    job_id = start_job(session, "/api/sync", {"complete": False, "force": False})
    _, job = follow_job(session, job_id, is_finished)
    return explain_sync(job, advice)


def _beeper_now(ending: Explanation) -> Finding:
    """Returns a finding about Beeper's answer to a sync that has ended in this way."""
    # An unfinished sync was out of time, which means that Beeper did answer.
    if ending.code in {"ok", "unfinished"}:
        return Finding("Beeper", Verdict.OK, "answers and accepts its token: a sync has just read it")
    return Finding("Beeper", Verdict.BAD, ending.text, ending.advice)


def _beeper_at_last_sync(origin: Origin, advice: BeeperAdvice, *, is_syncing: bool) -> Finding:
    when = f"when sync last asked ({tables.utc(origin.checked_at)})"
    match origin.state:
        case "ok":
            return Finding("Beeper", Verdict.OK, f"answered {when}")
        case "offline":
            return Finding("Beeper", Verdict.BAD, f"could not be reached {when}", advice.if_closed)
        case "unauthorized":
            return Finding("Beeper", Verdict.BAD, f"refused the token {when}", advice.if_refused)
    remedy = _WAIT_FOR_SYNC if is_syncing else "run `imagecache sync` with the admin token"
    return Finding("Beeper", Verdict.WARN, "has never been asked", remedy)


def _last_sync(stats: Stats, now: datetime, *, is_syncing: bool) -> Finding:
    succeeded = stats.last_sync.succeeded_at
    if succeeded is None:
        remedy = _WAIT_FOR_SYNC if is_syncing else "run `imagecache sync`"
        return Finding("sync", Verdict.WARN, "has never succeeded", remedy)
    found = f"last succeeded {tables.utc(succeeded)}"
    if now - _parse_time(succeeded) > _SYNC_IS_LATE_AFTER:
        remedy = "check that its schedule is enabled and that Beeper runs during the day"
        return Finding("sync", Verdict.WARN, found, remedy)
    return Finding("sync", Verdict.OK, found)


def _accounts(stats: Stats) -> Iterator[Finding]:
    """Yields a finding for each account that needs a person, or one if none does. An old API lists none."""
    accounts = stats.accounts or []
    in_need = [account for account in accounts if account.needs_person]
    for account in in_need:
        yield Finding("accounts", Verdict.WARN, tables.describe_account(account), account.advice or "")
    if accounts and not in_need:
        yield Finding("accounts", Verdict.OK, f"{len(accounts):,} in Beeper, none of which needs you")


def _parse_time(iso: str) -> datetime:
    try:
        return datetime.fromisoformat(iso).astimezone(UTC)
    except ValueError as error:
        raise UnexpectedAnswerError(
            f"the API's answer has no valid time in lastSync.succeededAt ({iso}):"
            " update this clone, which may be older than the API"
        ) from error


def _pictures(stats: Stats) -> Finding:
    found = f"{stats.total_cached_images:,} cached, {stats.pending:,} pending"
    if stats.total_cached_images:
        return Finding("pictures", Verdict.OK, found)
    if stats.pending:
        return Finding("pictures", Verdict.WARN, found, "wait: the first ones take a minute")
    return Finding(
        "pictures", Verdict.BAD, found, "run `imagecache backfill --watch`, which queues all of them"
    )


def _unreachable_images(session: Session, stats: Stats) -> list[ImageRow]:
    """Returns the images whose server could not be reached. Their URLs say whether that server is Beeper."""
    # The statistics have only counts by reason. The list of failed images needs a request for each hundred,
    # so it is read only if it is needed.
    if "origin_down" not in stats.failed_by_reason:
        return []
    query = {"status": "failed"}
    document = read_list(session.api, "/api/images", "images", query, everything=True)
    return [image for image in read(ImageRows, document).images if image.reason == "origin_down"]


def _failures(stats: Stats, unreachable: list[ImageRow], advice: BeeperAdvice) -> Iterator[Finding]:
    if not stats.failed:
        yield Finding("failures", Verdict.OK, "none")
    for reason, count in sorted(stats.failed_by_reason.items()):
        # The list is empty if all of these images were tried again after they were counted.
        if reason == "origin_down" and unreachable:
            # URLs of Beeper have other schemes, and http: URLs are never fetched.
            of_the_web = sum((image.source_url or "").lower().startswith("https:") for image in unreachable)
            yield from _failure(unreachable_beeper(advice), len(unreachable) - of_the_web)
            yield from _failure(UNREACHABLE_WEB_SERVER, of_the_web)
        else:
            yield from _failure(explain_failure(reason), count)


def _failure(explanation: Explanation, count: int) -> Iterator[Finding]:
    if count:
        found = f"{count:,} {explanation.code}: {explanation.text}"
        yield Finding("failures", Verdict.WARN, found, explanation.advice)
