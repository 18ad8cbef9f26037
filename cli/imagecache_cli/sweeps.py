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
_REQUESTS = ("reads", "writes", "lists", "heads", "messages")


def tell_sweep(job: Job, *, dry_run: bool) -> RenderableType:
    """Of a job that is done, what it counted."""
    title = "What a sweep would do now; nothing was changed:" if dry_run else "What the sweep did:"
    listed = job.result.get("refused")
    codes = listed if isinstance(listed, list) else []
    refusals = [Text(f"{_undeleted(job, dry_run)}: {_REFUSALS.get(code, code)}") for code in codes]
    return Group(Text(title), pairs(_lines(job, dry_run)), *refusals)


def _lines(job: Job, dry_run: bool) -> dict[str, str]:
    marked, fetched = job.count("marked"), job.count("refetched") + job.count("lost")
    return {
        "images that nobody shows": f"{marked:,} marked, to go in 30 days; {_gone(job, dry_run)}",
        "images shown again": f"{job.count('unmarked'):,} no longer marked",
        "contents no image names": _freed(job, dry_run),
        "images that may have changed": f"{job.count('revalidated'):,} asked for again",
        "lost pictures": f"{job.count('rebuilt'):,} rebuilt from their originals, {fetched:,} fetched anew",
        "missing images": f"{job.count('queued'):,} queued",
        "not sure": f"{job.count('unsure'):,} left alone",
        "requests": ", ".join(_costs(job)),
    }


def _gone(job: Job, dry_run: bool) -> str:
    if dry_run:
        return f"{job.count('due'):,} to be deleted now ({size(job.count('dueBytes'))})"
    return f"{job.count('deleted'):,} deleted"


def _freed(job: Job, dry_run: bool) -> str:
    if dry_run:
        return f"{job.count('unnamed'):,} to be deleted now ({size(job.count('unnamedBytes'))})"
    deleted, freed = job.count("versionsDeleted"), size(job.count("bytesFreed"))
    return f"{job.count('unnamed'):,} found, {deleted:,} stored versions deleted ({freed})"


def _costs(job: Job) -> Iterator[str]:
    listed = job.result.get("costs")
    costs = listed if isinstance(listed, dict) else {}
    yield from (f"{costs.get(name, 0):,} {name}" for name in _REQUESTS)
    yield f"about ${costs.get('dollars', 0):.4f}"


def _undeleted(job: Job, dry_run: bool) -> str:
    if dry_run:
        return "Nothing would be deleted"
    return "Nothing more was deleted" if job.count("deleted") else "Nothing was deleted"
