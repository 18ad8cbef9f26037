"""Redrive: dead letters are sent to the queue again, each once, and none is lost."""

from dataclasses import replace
from typing import Any

import pytest

from imagecache.errors import StoreUnavailableError
from imagecache.model.image import ImageMessage
from imagecache.model.job import Job, JobKind, JobStatus, RedriveOrder
from imagecache.queues.dead_letters import DeadLetters
from imagecache.queues.images import ImagesQueue, from_body, to_body
from imagecache.rules.time_budget import TimeBudget
from imagecache.usecases.operating.redrive_images import ImageRedrive
from tests.integration.api import Sent
from tests.integration.conftest import NOW, Stack
from tests.integration.sweeping import NO_TIME, PLENTY_OF_TIME

NONSENSE = [
    "",
    "not JSON",
    "[]",
    "[" * 100_000,
    "{}",
    '{"imageKey": "s/a", "sourceUrl": "mxc://s/a", "queuedAt": Infinity}',
]


class Dead:
    """A dead-letter queue, and the job of a redrive."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.url = stack.sqs.create_queue(QueueName="dead")["QueueUrl"]
        self.letters = DeadLetters(queue_url=self.url, sqs=stack.sqs)
        starter = stack.wiring.job_starter(functions={JobKind.REDRIVE: "jobs"}, new_id=lambda: "job0")
        replace(starter, invocations=Sent()).start(RedriveOrder())  # type: ignore[arg-type] # moto would run it

    def has(self, *bodies: str) -> None:
        for body in bodies:
            self.stack.sqs.send_message(QueueUrl=self.url, MessageBody=body or " ")

    def redrive(self, queue: ImagesQueue | None = None, time_budget: TimeBudget = PLENTY_OF_TIME) -> Job:
        redrive = ImageRedrive(dead_letters=self.letters, images_queue=queue or self.stack.queue)
        return self.stack.wiring.job_runner.run("job0", redrive.redrive, time_budget)

    def left(self) -> int:
        """Returns how many messages are in the queue, hidden ones included."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        known = self.stack.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(known[name]) for name in names)


@pytest.fixture
def dead(stack: Stack) -> Dead:
    return Dead(stack)


def requests(count: int) -> list[ImageMessage]:
    key = "?encryptedFileInfoJSON=k3y"
    return [ImageMessage(f"s/{n}", f"mxc://s/{n}{key}", NOW - 5, deferrals=n) for n in range(count)]


def test_every_dead_letter_goes_back_as_it_was(stack: Stack, dead: Dead) -> None:
    dead.has(*map(to_body, requests(25)))
    job = dead.redrive()
    assert (job.status, job.result) == (JobStatus.DONE, {"moved": 25, "unreadable": 0})
    moved = [from_body(message["body"]) for message in stack.messages()]
    assert sorted(moved, key=lambda one: one.deferrals) == requests(25)
    assert dead.left() == 0


def test_a_message_that_no_version_has_sent_stays_where_it_is_and_is_counted(
    stack: Stack, dead: Dead
) -> None:
    dead.has(*NONSENSE * 2, *map(to_body, requests(5)))
    job = dead.redrive()
    assert (job.status, job.progress) == (JobStatus.DONE, {"moved": 5, "unreadable": 12})
    assert (len(stack.messages()), dead.left()) == (5, 12)


def test_an_empty_dead_letter_queue_is_done_at_once(stack: Stack, dead: Dead) -> None:
    assert dead.redrive().result == {"moved": 0, "unreadable": 0}
    assert "ReceiveMessage" not in stack.calls


def test_letters_that_come_back_meanwhile_are_not_moved_for_ever(stack: Stack, dead: Dead) -> None:
    dead.has(*map(to_body, requests(25)))
    at_once = ImagesQueue(queue_url=dead.url, sqs=stack.sqs)  # whatever is sent is dead again
    assert dead.redrive(at_once).progress["moved"] == 25
    assert dead.left() == 25


def test_a_redrive_out_of_time_goes_on_with_what_is_left(stack: Stack, dead: Dead) -> None:
    dead.has(*map(to_body, requests(25)))
    at_once = ImagesQueue(queue_url=dead.url, sqs=stack.sqs)
    invocations = 1
    while not dead.redrive(at_once, NO_TIME).is_over:
        invocations += 1
    assert invocations == 5  # the count, three steps of ten, and nothing left


def test_letters_that_could_not_be_sent_are_still_there(stack: Stack, dead: Dead) -> None:
    dead.has(*map(to_body, requests(5)))
    gone = ImagesQueue(queue_url=stack.queue_url.replace("images", "gone"), sqs=stack.sqs)
    with pytest.raises(StoreUnavailableError, match="NonExistentQueue"):
        dead.redrive(gone)
    known = stack.jobs.read("job0")
    assert known is not None
    assert (known.status, dead.left()) == (JobStatus.FAILED, 5)


def test_letters_that_were_sent_but_not_deleted_are_still_there(stack: Stack, dead: Dead) -> None:
    dead.has(*map(to_body, requests(5)))

    def killed(_letters: object) -> None:
        raise TimeoutError

    dead.letters.delete = killed  # type: ignore[method-assign,assignment] # the worker dies at this moment
    with pytest.raises(TimeoutError):
        dead.redrive()
    assert (len(stack.messages()), dead.left()) == (5, 5)
