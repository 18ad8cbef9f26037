"""What a sweep did, or would do, in words; and for each refusal to delete what a person can do about it."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from imagecache_cli.answers import Job
from imagecache_cli.outcomes import START_ADVICE
from imagecache_cli.tables import pairs, size

_FORCE = "`imagecache cleanup --force`"
_TOO_MANY = f"would go, more than 50 and more than a fifth of all. If that is right, run {_FORCE}."
_REFUSALS = {
    "no_recent_sync": f"no complete sync within 48 hours. Run `imagecache sync --complete`, or {_FORCE}.",
    "offline": f"Beeper has not been reached for 48 hours. Please {START_ADVICE}; or run {_FORCE}.",
    "scan_failed": "AWS did not say what is shown or stored. Run `imagecache cleanup` again.",
    "too_many_images": f"too many images {_TOO_MANY}",
    "too_many_blobs": f"too many stored contents {_TOO_MANY}",
}


def tell_sweep(job: Job, *, dry_run: bool) -> RenderableType:
    """Of a job that is done, what it counted."""
    title = "What a sweep would do now; nothing was changed:" if dry_run else "What the sweep did:"
    listed = job.result.get("refused")
    codes = listed if isinstance(listed, list) else []
    refusals = [Text(f"{_nothing(job, dry_run)}: {_REFUSALS.get(code, code)}") for code in codes]
    return Group(Text(title), pairs(_lines(job, dry_run)), *refusals)


def _lines(job: Job, dry_run: bool) -> dict[str, str]:
    return {
        "images that nobody shows": _gone(job, dry_run),
        "images shown again": f"{job.count('unmarked'):,} no longer marked",
        "contents no image names": _freed(job, dry_run),
        "images that may have changed": f"{job.count('revalidated'):,} asked for again",
        "lost pictures": _mended(job),
        "missing images": f"{job.count('queued'):,} queued",
        "broken originals": f"{job.count('damaged'):,} left for a person to look at",
        "not sure": f"{job.count('unsure'):,} left alone",
        "requests": ", ".join(_costs(job)),
    }


def _gone(job: Job, dry_run: bool) -> str:
    deleted, due, freed = job.count("deleted"), job.count("due"), size(job.count("dueBytes"))
    gone = f"{due:,} to be deleted now ({freed})" if dry_run else f"{deleted:,} deleted"
    marked = f"{job.count('marked'):,} marked now, {job.count('orphans'):,} before, to go after 30 days"
    return f"{marked}; {gone}"


def _freed(job: Job, dry_run: bool) -> str:
    if dry_run:
        return f"{job.count('unnamed'):,} to be deleted now ({size(job.count('unnamedBytes'))})"
    deleted, freed = job.count("versionsDeleted"), size(job.count("bytesFreed"))
    return f"{job.count('unnamed'):,} found, {deleted:,} stored versions deleted ({freed})"


def _mended(job: Job) -> str:
    fetched = job.count("refetched") + job.count("lost")
    return (
        f"{job.count('undeleted'):,} undeleted, {job.count('rebuilt'):,} rebuilt from their originals, "
        f"{fetched:,} fetched anew"
    )


def _costs(job: Job) -> Iterator[str]:
    listed = job.result.get("costs")
    costs = dict(listed) if isinstance(listed, dict) else {}
    dollars = costs.pop("dollars", 0)
    yield from (f"{count:,} {name}" for name, count in costs.items())
    yield f"about ${dollars:.5f}"


def _nothing(job: Job, dry_run: bool) -> str:
    if dry_run:
        return "Nothing would be deleted"
    return "Nothing more was deleted" if job.count("deleted") else "Nothing was deleted"
