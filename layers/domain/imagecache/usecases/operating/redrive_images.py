"""Redrive: what the dead-letter queue holds → back into the queue of images, step by step."""

from collections.abc import Iterator

from imagecache.queues.dead_letters import DeadLetter, DeadLetters
from imagecache.queues.images import ImagesQueue
from imagecache.stores.state.jobs import Job
from imagecache.usecases.operating.run_job import Counts, Step


def redrive_images(job: Job, *, dead_letters: DeadLetters, queue: ImagesQueue) -> Iterator[Step]:
    """As many as there were at the start: one that fails again is back here, and would be moved for ever."""
    left = job.resume
    if left is None:
        left = dead_letters.count()
        yield Step({"moved": 0, "unreadable": 0}, left)
    while left > 0 and (letters := dead_letters.take(left)):
        left -= len(letters)
        yield Step(_move(letters, dead_letters, queue), left)


def _move(letters: list[DeadLetter], dead_letters: DeadLetters, queue: ImagesQueue) -> Counts:
    """Sent, then deleted: a crash between the two costs a second message, which the claim answers."""
    requests = {one: one.request for one in letters if one.request}
    queue.send(list(requests.values()))
    dead_letters.delete(requests)
    return {"moved": len(requests), "unreadable": len(letters) - len(requests)}
