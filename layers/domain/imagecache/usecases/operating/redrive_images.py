"""Redrive: moves messages from the dead-letter queue back into the queue of images, step by step."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.job import Job
from imagecache.queues.dead_letters import DeadLetter, DeadLetters
from imagecache.queues.images import ImagesQueue
from imagecache.usecases.operating.jobs import Step


class RedriveCount(StrEnum):
    """The counts of a redrive: moved messages, and unreadable messages that stay in the dead-letter queue."""

    MOVED = "moved"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRedrive:
    """Moves messages from the dead-letter queue to the queue of images."""

    dead_letters: DeadLetters
    images_queue: ImagesQueue

    def redrive(self, job: Job) -> Iterator[Step]:
        """Moves as many messages as the dead-letter queue had when the job began.

        Without this limit the job might never end, because a message that fails again comes back to the
        dead-letter queue.
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
        """Sends the readable messages, deletes them from the dead-letter queue, and returns their number.

        A crash between the two steps leaves a duplicate, which is harmless, because the image is then cached
        or claimed. In the other order, a crash would lose the messages.
        """
        messages = {letter: letter.message for letter in letters if letter.message}
        self.images_queue.send(list(messages.values()))
        self.dead_letters.delete(messages)
        return len(messages)
