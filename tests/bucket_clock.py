"""S3 by a clock of the test's own: what is stored gets its age from there, whichever engine stores it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@contextmanager
def bucket_clock(s3: "S3Client", clock: Callable[[], int]) -> Iterator[None]:
    """Versions that this client puts are listed as last modified when `clock` (ms) said so."""
    put_at: dict[str, int] = {}

    def remember(parsed: Any, **_: object) -> None:
        if "VersionId" in parsed:
            put_at[parsed["VersionId"]] = clock()

    def date(parsed: Any, **_: object) -> None:
        for entry in [*parsed.get("Versions", []), *parsed.get("DeleteMarkers", [])]:
            moment = put_at.get(entry["VersionId"])
            if moment is not None:
                entry["LastModified"] = datetime.fromtimestamp(moment / 1000, UTC)

    events = s3.meta.events
    hooks = [
        ("after-call.s3.PutObject", remember),
        ("after-call.s3.DeleteObject", remember),
        ("after-call.s3.ListObjectVersions", date),
    ]
    for name, hook in hooks:
        events.register(name, hook)
    try:
        yield
    finally:
        for name, hook in hooks:
            events.unregister(name, hook)
