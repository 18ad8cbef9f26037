"""Listens to the events of Beeper's WebSocket, each of which names a chat that has changed.

Beeper sends an event at most once, and sends nothing again that was missed. So an event is a hint, which
leads to a sync a little earlier, and nothing relies on it.

The protocol: the server sends `ready`, the client subscribes to all chats, the server confirms that, and then
sends events and about every 30 s a ping.
"""

import json
import logging
import random
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from enum import StrEnum
from http import HTTPStatus
from threading import Event
from typing import Any, Protocol
from urllib.parse import urlsplit

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

PATH = "/v1/ws"
SILENCE_SECONDS = 75.0
"""A connection is closed if nothing, not even a ping, was received for this time."""

_SUBSCRIBE = json.dumps({"type": "subscriptions.set", "requestID": "all", "chatIDs": ["*"]})
# The longest wait for a message. A program that stops may have to wait for this time.
_LOOK_SECONDS = 0.5
_OPEN_SECONDS = 10.0
_CLOSE_SECONDS = 1.0
# An event may contain whole messages.
_MOST_MESSAGE_BYTES = 8 * 1024 * 1024
_MOST_ID_CHARS = 1_000

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
# A person must act before a refused token is accepted, and update Beeper before it sends events.
_REFUSED_PAUSE_SECONDS = 300.0
_UNSUPPORTED_PAUSE_SECONDS = 3_600.0
# A connection that lasted for this time counts as a success. A shorter one counts as a failure.
_STEADY_SECONDS = 30.0

# The library's debug log has the headers of requests, and so the token.
_QUIET = logging.getLogger("imagecache_hints.websockets")
_QUIET.setLevel(logging.WARNING)


class ListenerState(StrEnum):
    """The states of a listener.

    DISCONNECTED: Beeper cannot be reached, or the connection was lost. UNSUPPORTED: this Beeper has no
    events. REFUSED: Beeper refuses the token.
    """

    LISTENING = "listening"
    DISCONNECTED = "disconnected"
    UNSUPPORTED = "unsupported"
    REFUSED = "refused"


class Connection(Protocol):
    """An open WebSocket. `frames` counts what was received, pings included."""

    frames: int

    def send(self, message: str, /) -> None: ...

    def recv(self, timeout: float) -> str | bytes:
        """Returns the next message. Raises TimeoutError after so many seconds, or one of _LOST."""


Connect = Callable[[str, Mapping[str, str]], AbstractContextManager[Connection]]
"""Opens a WebSocket at a URL with these headers, for a `with` block.

Raises WebSocketException, OSError, and RefusedRedirectError.
"""


class RefusedRedirectError(Exception):
    """The server redirects to another address, to which the token must not be sent."""


class _CountingConnection(ClientConnection):
    """A connection that counts the frames, because the library reports no pings."""

    frames = 0

    def process_event(self, event: Any) -> None:
        self.frames += 1
        super().process_event(event)


class _Opened:
    """Opens a connection for a `with` block, at its own address: through no proxy, and by no redirect."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._headers = headers

    def __enter__(self) -> Connection:
        parts = urlsplit(self._url)
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        opened = connect(
            self._url,
            # The library follows no redirect if it is given a socket.
            sock=socket.create_connection((parts.hostname or "", port), timeout=_OPEN_SECONDS),
            additional_headers=dict(self._headers),
            compression=None,
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=None,  # the server's pings are watched instead
            max_size=_MOST_MESSAGE_BYTES,
            logger=_QUIET,
            create_connection=_CountingConnection,
            legacy=False,
        )
        self._opened = opened
        try:
            connection = opened.__enter__()
        except ValueError as error:
            raise RefusedRedirectError from error
        assert isinstance(connection, _CountingConnection)  # noqa: S101 - it is made of this class
        return connection

    def __exit__(self, *ending: Any) -> None:
        self._opened.__exit__(*ending)


class _SubscriptionError(Exception):
    """The server answers the subscription with an error."""


class _SilenceError(Exception):
    """Nothing was received for SILENCE_SECONDS."""


_LOST = (WebSocketException, OSError, _SubscriptionError, _SilenceError)


class EventListener:
    """Listens to the Beeper at `beeper_url`, and connects again whenever the connection is lost.

    `headers` returns the headers of a request to Beeper; it is called for each connection, because a token
    may be replaced. `on_hint` is called with the id of a chat that has changed, or with None if any chat may
    have changed, because events were missed before a connection. At the first attempt none are missed,
    because the program that begins to listen also syncs. None is also a hint that Beeper begins to refuse the
    token: a sync then records that. `on_state` is called when the state changes.

    `clock` returns seconds. `wait` waits for so many seconds, and returns True at once when the listener is
    to stop; by default it waits for `stopped`. `jitter` returns a number from 0 to 1.
    """

    def __init__(
        self,
        beeper_url: str,
        headers: Callable[[], Mapping[str, str]],
        *,
        on_hint: Callable[[str | None], None],
        on_state: Callable[[ListenerState], None],
        stopped: Event,
        connect: Connect = _Opened,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
        jitter: Callable[[], float] = random.random,
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        # `http` becomes `ws`, and `https` becomes `wss`.
        self._url = f"ws{beeper_url.removeprefix('http')}{PATH}"
        self._headers = headers
        self._on_hint = on_hint
        self._on_state = on_state
        self._stopped = stopped
        self._connect = connect
        self._clock = clock
        self._wait = wait or stopped.wait
        self._jitter = jitter
        self._look_seconds = look_seconds
        self._state: ListenerState | None = None
        self._has_missed_events = False

    def run(self) -> None:
        """Listens until `stopped` is set."""
        failures = 0
        while not self._stopped.is_set():
            started = self._clock()
            state = self._listen()
            if self._stopped.is_set():
                return
            self._has_missed_events = True
            failures = 1 if self._clock() - started >= _STEADY_SECONDS else failures + 1
            if state is ListenerState.REFUSED and self._state is not state:
                self._on_hint(None)
            self._change_state(state)
            if self._wait(self._pause(state, failures)):
                return

    def _listen(self) -> ListenerState:
        """Listens on one connection until it ends, and returns the state after that."""
        try:
            with self._connect(self._url, self._headers()) as connection:
                self._receive(connection)
        except InvalidStatus as error:
            return _state_after(error.response.status_code)
        except RefusedRedirectError:  # Beeper never redirects. A tunnel redirects to a login.
            return ListenerState.REFUSED
        except _LOST:
            pass
        return ListenerState.DISCONNECTED

    def _receive(self, connection: Connection) -> None:
        """Receives messages until `stopped` is set. Raises one of _LOST."""
        frames = connection.frames
        heard_at = self._clock()
        while not self._stopped.is_set():
            with suppress(TimeoutError):
                self._handle(connection.recv(timeout=self._look_seconds), connection)
            if connection.frames != frames:
                frames = connection.frames
                heard_at = self._clock()
            elif self._clock() - heard_at > SILENCE_SECONDS:
                raise _SilenceError

    def _handle(self, message: str | bytes, connection: Connection) -> None:
        """Handles one message, and ignores one of an unknown kind. Raises _SubscriptionError."""
        try:
            content = json.loads(message)
        except (ValueError, RecursionError):
            return
        if not isinstance(content, dict):
            return
        match content.get("type"):
            case "ready":
                connection.send(_SUBSCRIBE)
            case "subscriptions.updated":
                self._change_state(ListenerState.LISTENING)
                if self._has_missed_events:
                    self._on_hint(None)
            case "error":
                raise _SubscriptionError
            case _:
                chat_id = content.get("chatID")
                if isinstance(chat_id, str) and 0 < len(chat_id) <= _MOST_ID_CHARS:
                    self._on_hint(chat_id)

    def _change_state(self, state: ListenerState) -> None:
        if state is not self._state:
            self._state = state
            self._on_state(state)

    def _pause(self, state: ListenerState, failures: int) -> float:
        """Returns the seconds until the next connection: from half to all of the usual pause, by chance."""
        match state:
            case ListenerState.UNSUPPORTED:
                seconds = _UNSUPPORTED_PAUSE_SECONDS
            case ListenerState.REFUSED:
                seconds = _REFUSED_PAUSE_SECONDS
            case _:
                doubled = _FIRST_PAUSE_SECONDS * 2 ** min(failures - 1, 10)
                seconds = min(doubled, _LONGEST_PAUSE_SECONDS)
        return seconds * (1 + self._jitter()) / 2


def _state_after(status: int) -> ListenerState:
    """Returns the state after the server has answered the request for a WebSocket with this status."""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return ListenerState.REFUSED
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return ListenerState.DISCONNECTED
    return ListenerState.UNSUPPORTED
