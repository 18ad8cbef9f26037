"""Renders the result of a sweep, or of a dry run, for a terminal."""

from rich.console import Group, RenderableType
from rich.text import Text

from imagecache_cli.answers import Job
from imagecache_cli.explanations import BeeperAdvice, explain_refusal
from imagecache_cli.tables import pairs, size


def describe_sweep(job: Job, *, dry_run: bool, advice: BeeperAdvice) -> RenderableType:
    """Returns a table of the counts of a finished sweep, and the reasons if it deleted nothing."""
    title = "A sweep now would do this; nothing has been changed:" if dry_run else "The sweep has done this:"
    # Each entry of a result may have one of several types, see answers.Job.
    codes = job.result.get("refused")
    refusals = [
        Text(f"{_refusal_heading(job, dry_run=dry_run)}: {explain_refusal(code, advice).sentence}.")
        for code in (codes if isinstance(codes, list) else [])
    ]
    return Group(Text(title), pairs(_counts(job, dry_run=dry_run)), *refusals)


def _counts(job: Job, *, dry_run: bool) -> dict[str, Text | str]:
    # The difference between the two matters only for the sweep: whether the old picture is still shown.
    fetched_again = job.count("refetched") + job.count("lost")
    return {
        "images no longer shown": _images_no_longer_shown(job, dry_run=dry_run),
        "images shown again": f"{job.count('unmarked'):,} no longer marked",
        "unused files": _unused_files(job, dry_run=dry_run),
        "images to check": f"{job.count('revalidated'):,} queued, to see whether they have changed",
        "lost files": f"{job.count('undeleted'):,} restored from earlier versions, "
        f"{job.count('rebuilt'):,} made again from their originals, {fetched_again:,} queued for download",
        "missing images": f"{job.count('queued'):,} queued",
        "damaged originals": f"{job.count('damaged'):,} left for a person to look at",
        "in doubt": f"{job.count('unsure'):,} left alone",
        "requests": _costs(job),
    }


def _images_no_longer_shown(job: Job, *, dry_run: bool) -> str:
    # A dry run deletes nothing, so it has only counted the rows that are due.
    if dry_run:
        deleted = f"{job.count('due'):,} to be deleted now ({size(job.count('dueBytes'))})"
    else:
        deleted = f"{job.count('deleted'):,} deleted"
    marked = f"{job.count('marked'):,} marked now and {job.count('orphans'):,} before"
    return f"{marked}, for deletion after 30 days; {deleted}"


def _unused_files(job: Job, *, dry_run: bool) -> str:
    unnamed = f"{job.count('unnamed'):,}"
    if dry_run:
        return f"{unnamed} to be deleted now ({size(job.count('unnamedBytes'))})"
    versions = f"{job.count('versionsDeleted'):,}"
    return f"{unnamed} found, {versions} stored versions deleted ({size(job.count('bytesFreed'))})"


def _costs(job: Job) -> str:
    costs = job.result.get("costs")
    counts = dict(costs) if isinstance(costs, dict) else {}
    # `dollars` is the price of all requests. Every other entry is a number of requests.
    dollars = counts.pop("dollars", 0)
    return ", ".join([*(f"{count:,} {kind}" for kind, count in counts.items()), f"about ${dollars:.5f}"])


def _refusal_heading(job: Job, *, dry_run: bool) -> str:
    if dry_run:
        return "Nothing would be deleted"
    # A sweep checks its limits several times, so it may have deleted something before it stopped.
    return "Nothing more was deleted" if job.count("deleted") else "Nothing was deleted"
