"""The meaning of each failure reason, in one table: its text for people, what to do, and when to try again.

The command line and the README have tables of their own. docs/adding.md has what a new reason takes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from imagecache.clock import DAY, HOUR
from imagecache.model.image import FailureReason, RejectionReason

_MINUTE = HOUR // 60


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The waits (ms) after the first, second, ... failure in a row. The last one is repeated."""

    waits: tuple[int, ...]

    def wait(self, failures: int) -> int:
        """Returns the wait (ms) after `failures` failures in a row (at least 1)."""
        return self.waits[min(failures, len(self.waits)) - 1]


@dataclass(frozen=True, slots=True)
class FailureMeaning:
    """The consequences of a failure reason.

    `text` completes "It failed: ...". `advice` is a sentence of its own. Without a retry policy the failure
    is final: only a person's retry or refresh makes another attempt.
    """

    text: str
    advice: str
    retry: RetryPolicy | None = None


_REPLACE = "Replace the picture at its source: only JPEG, PNG, GIF, WebP, AVIF and HEIC are cached."

FAILURES: Mapping[FailureReason, FailureMeaning] = {
    FailureReason.GONE: FailureMeaning(
        "Beeper, or the web, no longer has it",
        "If another picture has replaced it, the next sync brings that one.",
        # Beeper sometimes has a picture again after minutes, so the first attempts follow soon.
        RetryPolicy(
            (10 * _MINUTE, HOUR, 6 * HOUR, DAY, 2 * DAY, 4 * DAY, 8 * DAY, 16 * DAY, 30 * DAY),
        ),
    ),
    FailureReason.REFUSED: FailureMeaning(
        "its address may not be requested, or its server refuses to send it, or sends a page in its place",
        "It is tried again, ever more rarely. Check that the address is public and opens without a login.",
        # Servers refuse for a time only: because of too many requests, to ask for a proof that a person is
        # there, or because a picture is not uploaded yet. Some never stop, so the waits grow.
        RetryPolicy(
            (6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 4 * DAY, 8 * DAY, 16 * DAY, 30 * DAY),
        ),
    ),
    FailureReason.UNSUPPORTED: FailureMeaning(
        "it is not a JPEG, PNG, GIF, WebP, AVIF or HEIC image", _REPLACE
    ),
    FailureReason.UNSUPPORTED_HEIC: FailureMeaning("it is HEIC of a kind that cannot be decoded", _REPLACE),
    FailureReason.UNSUPPORTED_SVG: FailureMeaning("it is SVG, which can contain scripts", _REPLACE),
    FailureReason.UNDECODABLE: FailureMeaning(
        "its bytes cannot be decoded",
        "Check that the picture opens where it comes from, and replace it there if it does not.",
        RetryPolicy((6 * HOUR, 12 * HOUR, DAY)),
    ),
    FailureReason.TOO_LARGE: FailureMeaning(
        "it is larger than 5 MB or 40 megapixels (36 for HEIC, 30 for WebP, 11 for AVIF)",
        "Replace the picture at its source with a smaller one.",
    ),
    FailureReason.CRASHED: FailureMeaning(
        "three attempts ended without a result, the third without other pictures beside it",
        "It is tried again after 30 days. If it fails again, replace the picture at its source.",
        RetryPolicy((30 * DAY,)),
    ),
    FailureReason.NOT_SERVED: FailureMeaning(
        "its server works, but sent an error, a web page, nothing or only a part of it, or took too long",
        "It is tried again by itself. If it stays missing, check that the picture opens in Beeper.",
        RetryPolicy((10 * _MINUTE, HOUR, 6 * HOUR, DAY)),
    ),
    FailureReason.ORIGIN_DOWN: FailureMeaning(
        "its server could not be reached, or did not send it",
        "Check that its server is running: Beeper Desktop for pictures of chats, else the web server.",
        RetryPolicy((*(minutes * _MINUTE for minutes in (10, 20, 40, 80, 160, 320)), 6 * HOUR)),
    ),
}

REJECTIONS: Mapping[RejectionReason, str] = {
    RejectionReason.MALFORMED: "it is malformed; a valid URL is, for example, https://example.com/a.jpg or mxc://example.com/a",
    RejectionReason.OUTSIDE_MEDIA_FOLDER: "it names a file outside Beeper's media folder",
    RejectionReason.TOO_LONG: "it is too long",
    RejectionReason.UNSUPPORTED_SCHEME: "only https, data and Beeper's own kinds of URLs are fetched",
}
"""The text of each rejection reason. It completes "This URL is never fetched: ..."."""
