"""How a run of sync ended, in words, and what a person can do about it."""

from dataclasses import dataclass

from imagecache_cli.answers import Job


@dataclass(frozen=True, slots=True)
class Outcome:
    """`word` as sync says it; `is_good` only when everything that was to be read is stored."""

    word: str
    sentence: str

    @property
    def is_good(self) -> bool:
        return self.word == "ok"


START_ADVICE = "start Beeper Desktop on the laptop, and its tunnel"
NEW_TOKEN_ADVICE = (
    "make a new read-only token in Beeper's settings and store it (`make secrets`, or BEEPER_TOKEN)"  # noqa: S105 - words about a token
)

_SENTENCES = {
    "offline": f"Beeper cannot be reached: {START_ADVICE}",
    "unauthorized": f"Beeper refuses the token: {NEW_TOKEN_ADVICE}",
    "busy": "another sync is running: wait for it",
    "superseded": "another sync took over: wait for it",
    "unfinished": "out of time: sync goes on by itself where it stopped",
}


def tell_outcome(job: Job) -> Outcome:
    """The outcome of a job that is over."""
    if job.status == "failed":
        return Outcome("failed", "sync failed: look at its function's log")
    word = str(job.result.get("outcome", "unknown"))
    return Outcome(word, _SENTENCES.get(word, f"{word}: {_counts(job)}"))


def _counts(job: Job) -> str:
    kind = "every chat was read" if job.result.get("complete") is True else "what moved was read"
    told = ", ".join(
        f"{job.result.get(name, 0)} {name}" for name in ("chats", "changed", "queued", "deleted")
    )
    refused = job.result.get("refused", 0)
    more = f"; {refused} deletions refused, --force allows them" if refused else ""
    return f"{kind} ({told}{more})"
