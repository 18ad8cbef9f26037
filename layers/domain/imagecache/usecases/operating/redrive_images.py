"""Redrive: moves messages from the dead-letter queue back into the queue of images, step by step."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.job import Job
from imagecache.queues.dead_letters import DeadLetter, DeadLetters
from imagecache.queues.images import ImagesQueue
from imagecache.usecases.operating.jobs import Step


class RedriveCount(StrEnum):
    """The counts of a redrive: messages that were moved, and unreadable ones that were left there."""

    MOVED = "moved"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRedrive:
    """Moves dead letters."""

    dead_letters: DeadLetters
    images_queue: ImagesQueue

    def redrive(self, job: Job) -> Iterator[Step]:
        """Moves as many messages as there were when the job began.

        A message that fails again comes back to the dead-letter queue. Without that limit, the job would move
        it for ever.
        """
        if isinstance(job.position, int):
            left = job.position
        else:
            left = self.dead_letters.count()
            yield Step({RedriveCount.MOVED: 0, RedriveCount.UNREADABLE: 0}, left)
        while left > 0 and (letters := self.dead_letters.take(left)):
            left -= len(letters)
            moved = self._move(letters)
            unreadable = len(letters) - moved
            yield Step({RedriveCount.MOVED: moved, RedriveCount.UNREADABLE: unreadable}, left)

    def _move(self, letters: list[DeadLetter]) -> int:
        """Sends the readable messages, then deletes them here, and returns how many there were.

        A crash between the two leaves a second message, which a claim of the image recognizes. The other way
        round, it would lose the message.
        """
        messages = {letter: letter.message for letter in letters if letter.message}
        self.images_queue.send(list(messages.values()))
        self.dead_letters.delete(messages)
        return len(messages)
