"""The outcomes that the import of a document can have."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from imagecache.errors import ImageCacheError
from imagecache.model.image import FailureReason, RejectionReason


class CodeWithMeaning(StrEnum):
    """A code for programs with a text for people. Every member must be defined with both."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member


class Outcome(CodeWithMeaning):
    """The outcome of a document that was imported, or was not imported for another reason than a failure.

    Failures of files and pictures are the other types of DocumentOutcome.
    """

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
        """True if the document should have been imported but was not."""
        return self in {Outcome.HELD, Outcome.SYNC_RUNS, Outcome.A_PAGE, Outcome.NO_ID}

    @property
    def settles_the_image(self) -> bool:
        """True if other documents of the same image need not be tried."""
        return self not in {Outcome.A_PAGE, Outcome.NO_ID, Outcome.SYNC_RUNS}


class FileProblem(CodeWithMeaning):
    """The reason why a stored file is not imported."""

    MISSING = "file_missing", "its stored file is not in the snapshot"
    UNREADABLE = "file_unreadable", "its stored file is damaged"
    NO_CHECKSUM = "no_checksum", "the snapshot has no checksum of its stored file"
    WRONG_SIZE = "wrong_size", "its stored file has another size than the snapshot says"
    WRONG_CHECKSUM = "wrong_checksum", "its stored file has another SHA-256 than the snapshot says"


DocumentOutcome = Outcome | FileProblem | FailureReason | RejectionReason
"""FailureReason: the stored file is not a valid picture. RejectionReason: the URL has no image key."""


class SnapshotFileError(ImageCacheError):
    """A stored file is missing or damaged, or differs from its description in the snapshot."""

    def __init__(self, problem: FileProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """The outcome of one document. `imported_bytes` is the size of the imported original, or 0."""

    document_id: str
    outcome: DocumentOutcome
    imported_bytes: int = 0


def is_left_out(outcome: DocumentOutcome) -> bool:
    """Returns True if a document with this outcome should have been imported but was not."""
    return not isinstance(outcome, Outcome) or outcome.is_left_out
