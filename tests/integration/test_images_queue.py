"""An error of SQS leaves the queue of images as an error of this package, without AWS's own text."""

from collections.abc import Callable

import pytest

from imagecache.errors import StoreUnavailableError
from imagecache.model.image import ImageMessage
from imagecache.queues.images import ImagesQueue
from tests.integration.conftest import NOW, Stack

MESSAGE = ImageMessage("beeper.com/1", "mxc://beeper.com/1", NOW)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda queue: queue.send([MESSAGE]), id="send"),
        pytest.param(lambda queue: queue.send_later(MESSAGE, milliseconds=1000), id="send later"),
        pytest.param(lambda queue: queue.hide("receipt", milliseconds=1000), id="hide"),
        pytest.param(lambda queue: queue.receive(wait_seconds=0, hidden_ms=1000), id="receive"),
        pytest.param(lambda queue: queue.delete(["receipt"]), id="delete"),
    ],
)
def test_a_queue_that_cannot_be_used_is_an_unavailable_store(
    stack: Stack, call: Callable[[ImagesQueue], None]
) -> None:
    queue = ImagesQueue(queue_url=stack.queue_url.replace("images", "gone"), sqs=stack.sqs)
    with pytest.raises(StoreUnavailableError, match=r"NonExistentQueue$"):
        call(queue)
