"""The outcome of one of our commands in these tests."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command has printed, and its exit code."""

    exit_code: int
    output: str
    errors: str
