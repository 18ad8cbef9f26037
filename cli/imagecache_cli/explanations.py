"""Texts for the API's codes: failures of images, outcomes of syncs, and refusals of sweeps."""

from collections.abc import Iterable
from dataclasses import dataclass

from imagecache_cli.answers import Job


@dataclass(frozen=True, slots=True)
class Explanation:
    """A code of the API, its meaning, and what the person can do. `advice` may be empty."""

    code: str
    text: str
    advice: str = ""

    @property
    def sentence(self) -> str:
        """The text with its advice, on one line."""
        return f"{self.text}: {self.advice}" if self.advice else self.text


@dataclass(frozen=True, slots=True)
class BeeperAdvice:
    """Says what the person can do if Beeper cannot be reached, and if it refuses the token."""

    if_closed: str
    if_refused: str


WITHOUT_AGENT = BeeperAdvice(
    if_closed="start Beeper Desktop, and its tunnel if the cache is on AWS",
    if_refused="create a read-only token in Beeper's settings and store it "
    "(`make secrets` on AWS, BEEPER_TOKEN for `make run`)",
)


def agent_advice(stack: str = "NAME") -> BeeperAdvice:
    """Returns the advice if the agent of this stack reads Beeper."""
    return BeeperAdvice(
        if_closed="start Beeper Desktop on the agent's computer",
        if_refused="connect Beeper again with `make run` in the agent's clone, or set BEEPER_TOKEN and run"
        f" `imagecache agent install --stack {stack}` again",
    )


BEEPER_UNREACHABLE = "Beeper cannot be reached"
BEEPER_REFUSES = "Beeper refuses the token"

_OTHER_PICTURE = "only another picture helps: this one is not tried again"
_OTHER_URL = "only another URL helps: this one is never fetched"
_RETRIED = "it is tried again by itself; `imagecache retry-failed` tries it now"

# The reason origin_down is the same for Beeper and for web servers. Only the picture's URL shows which it is.
UNREACHABLE_WEB_SERVER = Explanation(
    "origin_down",
    "the web server in the picture's URL could not be reached",
    f"{_RETRIED}; a site that is gone stays unreachable",
)


def _by_code(explanations: Iterable[Explanation]) -> dict[str, Explanation]:
    return {explanation.code: explanation for explanation in explanations}


# Every reason for which an image is not cached. The last four are for URLs that are never fetched.
FAILURES = _by_code(
    (
        Explanation(
            "gone",
            "Beeper, or the web server, no longer has the picture",
            "`imagecache sync` brings a newer picture if there is one",
        ),
        Explanation(
            "refused",
            "the picture's server refuses it or sends a page, or its address may not be requested",
            f"`imagecache explain URL` shows the server's answer; {_RETRIED}",
        ),
        Explanation("unsupported", "the file is not a JPEG, PNG, GIF, WebP, AVIF or HEIC", _OTHER_PICTURE),
        Explanation(
            "unsupported_heic",
            "the file is HEIC of a kind that cannot be decoded",
            "if it was fetched by an older version, `imagecache retry URL` tries it now",
        ),
        Explanation("unsupported_svg", "the file is SVG, which can contain scripts", _OTHER_PICTURE),
        Explanation(
            "undecodable",
            "the file is damaged",
            "`imagecache explain URL` says whether it is tried again; `imagecache retry URL` tries it now",
        ),
        Explanation(
            "too_large",
            "the file is larger than 5 MB or 40 megapixels (36 for HEIC, 30 for WebP, 11 for AVIF)",
            _OTHER_PICTURE,
        ),
        Explanation(
            "crashed",
            "three attempts ended without a result, the third without other pictures beside it",
            "it is tried again after 30 days; `imagecache retry URL` tries it now",
        ),
        Explanation(
            "not_served",
            "the picture's server works, but did not send this picture",
            f"{_RETRIED}; if it stays missing, check that it opens in Beeper",
        ),
        Explanation("origin_down", "the server that has the picture could not be reached", _RETRIED),
        Explanation("malformed", "the URL is malformed", _OTHER_URL),
        Explanation("outside_media_folder", "the URL names a file outside Beeper's media folder", _OTHER_URL),
        Explanation("too_long", "the URL is too long", _OTHER_URL),
        Explanation(
            "unsupported_scheme", "the URL is neither https, data nor one of Beeper's own", _OTHER_URL
        ),
    )
)

_SYNC_OUTCOMES = _by_code(
    (
        Explanation("busy", "another sync is running", "wait for it"),
        Explanation("superseded", "another sync took over", "wait for it"),
        Explanation("unfinished", "the time was up", "the sync continues by itself where it stopped"),
    )
)

# The numbers in these texts are constants of the sweep, which the API's answers do not contain.
_FORCE_CLEANUP = "`imagecache cleanup --force`"
_IF_RIGHT = f"if that is right, run {_FORCE_CLEANUP}"
_SWEEP_REFUSALS = _by_code(
    (
        Explanation(
            "no_recent_sync",
            "no sync has read every chat within the last 48 hours",
            f"run `imagecache sync --complete`, or {_FORCE_CLEANUP}",
        ),
        Explanation(
            "scan_failed",
            "the tables or the stored files could not be read completely",
            "run `imagecache cleanup` again",
        ),
        Explanation(
            "too_many_images",
            "more than 50 images, and more than a fifth of all, would be deleted",
            _IF_RIGHT,
        ),
        Explanation(
            "too_many_blobs",
            "more than 50 unused files, and more than a fifth of all, would be deleted",
            _IF_RIGHT,
        ),
    )
)


def explain_failure(reason: str) -> Explanation:
    """Returns the explanation of why an image is not cached. An unknown reason explains itself."""
    return FAILURES.get(reason, Explanation(reason, reason, "`imagecache explain URL` says more"))


def unreachable_beeper(advice: BeeperAdvice) -> Explanation:
    """Returns the explanation of an image that is missing because Beeper could not be reached."""
    text = "Beeper, or the media server, could not be reached"
    return Explanation("origin_down", text, f"{advice.if_closed}; {_RETRIED}")


def explain_refusal(code: str, advice: BeeperAdvice) -> Explanation:
    """Returns the explanation of why a sweep deleted nothing, or nothing more."""
    if code == "offline":
        text = "Beeper has not been reached for 48 hours"
        return Explanation(code, text, f"{advice.if_closed}; or run {_FORCE_CLEANUP}")
    return _SWEEP_REFUSALS.get(code, Explanation(code, code))


def explain_sync(job: Job, advice: BeeperAdvice) -> Explanation:
    """Returns the explanation of how a sync ended. Its code is `ok` only if nothing is left to be read."""
    if job.status == "failed":
        return Explanation("failed", "the sync failed", f"search the function's log for job {job.job_id}")
    code = str(job.result.get("outcome", "unknown"))
    match code:
        case "offline":
            return Explanation(code, BEEPER_UNREACHABLE, advice.if_closed)
        case "unauthorized":
            return Explanation(code, BEEPER_REFUSES, advice.if_refused)
    # A newer API may have outcomes that this command does not know.
    return _SYNC_OUTCOMES.get(code, Explanation(code, f"{code}: {_sync_counts(job)}"))


def _sync_counts(job: Job) -> str:
    scope = (
        "every chat was read" if job.result.get("complete") is True else "the chats that changed were read"
    )
    counts = ", ".join(f"{job.result.get(key, 0)} {key}" for key in ("chats", "changed", "queued", "deleted"))
    refused = job.result.get("refused", 0)
    refusal = f"; {refused} deletions refused, --force allows them" if refused else ""
    return f"{scope} ({counts}{refusal})"
