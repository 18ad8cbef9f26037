"""The outcomes that the import of a document can have."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from imagecache.errors import ImageCacheError
from imagecache.model.image import FailureReason, RejectionReason


class _CodeWithMeaning(StrEnum):
    """A code for programs with its meaning for people. A member cannot be defined without a meaning."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member


class Outcome(_CodeWithMeaning):
    """The outcome for a document without a defect, or with one that only a snapshot can have."""

    IMPORTED = "imported", "moved"
    ALREADY_THERE = "already_there", "it was here before, and is left as it is"
    SAME_IMAGE = "same_image", "another form of the URL of an image above"
    SAME_CHAT = "same_chat", "another row of a chat above"
    FORGOTTEN = "forgotten", "it was forgotten here on request, and is not brought back"
    HELD = "held", "a worker has it now: run this again in a minute"
    SYNC_RUNS = "sync_runs", "a sync is running: run this again when it has ended"
    A_PAGE = "a_page", "a web page was stored in place of the picture"
    NO_ID = "no_id", "it has no chatId, or one that is too long"

    @property
    def is_left_out(self) -> bool:
        """Returns True if the document should have been imported, and was not."""
        return self in {Outcome.HELD, Outcome.SYNC_RUNS, Outcome.A_PAGE, Outcome.NO_ID}

    @property
    def settles_the_image(self) -> bool:
        """Returns True if the other documents of the same image need not be imported."""
        return self not in {Outcome.A_PAGE, Outcome.NO_ID, Outcome.SYNC_RUNS}


class FileProblem(_CodeWithMeaning):
    """Why a stored file is not imported."""

    MISSING = "file_missing", "its stored file is not in the snapshot"
    UNREADABLE = "file_unreadable", "its stored file is damaged"
    NO_CHECKSUM = "no_checksum", "the snapshot has no checksum of its stored file"
    WRONG_SIZE = "wrong_size", "its stored file has another size than the snapshot says"
    WRONG_CHECKSUM = "wrong_checksum", "its stored file has another SHA-256 than the snapshot says"


DocumentOutcome = Outcome | FileProblem | FailureReason | RejectionReason
"""FailureReason: the stored file is not a picture that can be cached. RejectionReason: its URL has no key."""


class SnapshotFileError(ImageCacheError):
    """A stored file is absent, damaged, or not what the snapshot says it is."""

    def __init__(self, problem: FileProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """The outcome of one document. `imported_bytes` is the size of an original that was imported, else 0."""

    document_id: str
    outcome: DocumentOutcome
    imported_bytes: int = 0


def is_left_out(outcome: DocumentOutcome) -> bool:
    """Returns whether a document with this outcome should be here and is not."""
    return not isinstance(outcome, Outcome) or outcome.is_left_out
