"""A real WebSocket server on this machine, and a listener whose clock and pauses tests control."""

import json
from collections.abc import Callable, Iterator
from queue import Queue
from threading import Condition, Event, Thread

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from imagecache_hints.listener import EventListener, ListenerState
from tests.demo.clients import Clock

PATIENCE_SECONDS = 30
Answer = Callable[[ServerConnection, Request], Response | None]


class BeeperSocket:
    """Serves `/v1/ws` like Beeper. `connections` gets each connection when its client has subscribed.

    `answer` may answer a request itself instead of opening a WebSocket. `requests` has all requests. Without
    `confirms`, a subscription is answered with an error.
    """

    def __init__(self) -> None:
        self.connections: Queue[ServerConnection] = Queue()
        self.requests: list[Request] = []
        self.commands: list[object] = []
        self.answer: Answer = lambda _connection, _request: None
        self.confirms = True
        self._server: Server = serve(
            self._talk, "127.0.0.1", 0, process_request=self._process, ping_interval=None
        )
        self.url = f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = Thread(target=self._server.serve_forever)

    def __enter__(self) -> "BeeperSocket":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()

    def subscribed(self) -> ServerConnection:
        """Waits for the next client that has subscribed, and returns its connection."""
        return self.connections.get(timeout=PATIENCE_SECONDS)

    def _process(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        return self.answer(connection, request)

    def _talk(self, connection: ServerConnection) -> None:
        try:
            connection.send(json.dumps({"type": "ready", "version": 1, "chatIDs": []}))
            command = json.loads(connection.recv())
            self.commands.append(command)
            if self.confirms:
                confirmed = {"type": "subscriptions.updated", "requestID": command["requestID"]}
                connection.send(json.dumps(confirmed | {"chatIDs": command["chatIDs"]}))
                self.connections.put(connection)
            else:
                connection.send(json.dumps({"type": "error", "code": "INTERNAL_ERROR", "message": "no"}))
            for _ in connection:
                pass
        except ConnectionClosed:
            pass


class WatchedClock(Clock):
    """A clock that stands still until a test changes `now`, and knows that it was read."""

    def __init__(self) -> None:
        super().__init__()
        self._reads = 0
        self._was_read = Condition()

    def __call__(self) -> float:
        with self._was_read:
            self._reads += 1
            self._was_read.notify_all()
            return self.now

    def wait_for_reads(self, count: int) -> None:
        """Waits until the clock was read so many times from now on."""
        with self._was_read:
            wanted = self._reads + count
            assert self._was_read.wait_for(lambda: self._reads >= wanted, PATIENCE_SECONDS)


class Listening:
    """A listener in a thread. It waits in each pause until the test calls `go_on`.

    `hints` and `states` get what it reports, and `pauses` the seconds of each pause.
    """

    def __init__(self, url: str, *, jitter: float = 1.0) -> None:
        self.clock = WatchedClock()
        self.token = "t0"
        self.hints: Queue[str | None] = Queue()
        self.states: Queue[ListenerState] = Queue()
        self.pauses: Queue[float] = Queue()
        self._stopped = Event()
        self._continued: Queue[bool] = Queue()
        self._listener = EventListener(
            url,
            lambda: {"Authorization": f"Bearer {self.token}"},
            on_hint=self.hints.put,
            on_state=self.states.put,
            stopped=self._stopped,
            clock=self.clock,
            wait=self._wait,
            jitter=lambda: jitter,
            look_seconds=0.01,
        )
        self._thread = Thread(target=self._listener.run)

    def __enter__(self) -> "Listening":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._continued.put(True)
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    def go_on(self) -> None:
        """Ends the pause in which the listener is."""
        self._continued.put(False)

    def pause(self) -> float:
        """Waits until the listener pauses, and returns for how many seconds."""
        return self.pauses.get(timeout=PATIENCE_SECONDS)

    def state(self) -> ListenerState:
        """Waits for the next change of the state, and returns it."""
        return self.states.get(timeout=PATIENCE_SECONDS)

    def hint(self) -> str | None:
        """Waits for the next hint, and returns it."""
        return self.hints.get(timeout=PATIENCE_SECONDS)

    def _wait(self, seconds: float) -> bool:
        self.pauses.put(seconds)
        return self._continued.get(timeout=PATIENCE_SECONDS)


@pytest.fixture
def beeper() -> Iterator[BeeperSocket]:
    with BeeperSocket() as socket:
        yield socket


@pytest.fixture
def listening(beeper: BeeperSocket) -> Iterator[Listening]:
    with Listening(beeper.url) as listening:
        yield listening
