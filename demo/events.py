"""The WebSocket `/v1/ws`, on which Beeper tells which chats have changed.

An event is sent once, to the clients that have subscribed to its chat at that moment. Tests can also lose
events, and send events of their own choice.
"""

import json
import socket
from collections.abc import Callable, Collection, Iterable, Sequence
from threading import Event, Lock, Thread
from typing import Any

from websockets.datastructures import Headers
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request as UpgradeRequest
from websockets.protocol import State
from websockets.server import ServerProtocol

from demo.chats import ChatEvent
from demo.listener import Reply, Request, json_reply

PATH = "/v1/ws"
_ALL = "*"
PING_SECONDS = 30.0
_RECEIVED_BYTES = 65_536


class _Client:
    """One open WebSocket. `subscribed` has the ids of chats, or `*` for all."""

    def __init__(self, connection: socket.socket, token: str) -> None:
        self.token = token
        self.subscribed: Collection[str] = ()
        self._connection = connection
        self._protocol = ServerProtocol()
        self._lock = Lock()
        self._sequence = 0

    def open(self, request: Request) -> bool:
        """Answers the request for the WebSocket. Returns False if it is no such request."""
        upgrade = UpgradeRequest(request.path, Headers(request.headers))
        with self._lock:
            self._protocol.receive_data(upgrade.serialize())
            self._protocol.events_received()
            self._protocol.send_response(self._protocol.accept(upgrade))
            self._flush()
            return self._protocol.state is State.OPEN

    def messages(self) -> Iterable[str]:
        """Yields the messages of the client until the connection is closed. Answers its pings."""
        while data := self._connection.recv(_RECEIVED_BYTES):
            with self._lock:
                self._protocol.receive_data(data)
                frames = self._protocol.events_received()
                self._flush()
            yield from (
                bytes(frame.data).decode()
                for frame in frames
                if isinstance(frame, Frame) and frame.opcode is Opcode.TEXT
            )

    def send(self, document: dict[str, object]) -> None:
        """Sends a message, unless the connection is being closed."""
        with self._lock:
            if self._protocol.state is State.OPEN:
                self._protocol.send_text(json.dumps(document).encode())
                self._flush()

    def send_event(self, event: ChatEvent, *, sequence: int | None = None) -> None:
        """Sends an event if the client has subscribed to its chat. `sequence` may be a wrong number."""
        if _ALL not in self.subscribed and event.chat_id not in self.subscribed:
            return
        self._sequence += 1
        number = self._sequence if sequence is None else sequence
        self.send(
            {
                "type": event.type,
                "seq": number,
                "ts": 1_780_000_000_000 + number,
                "chatID": event.chat_id,
                "ids": [event.chat_id],
            }
        )

    def ping(self) -> None:
        with self._lock:
            if self._protocol.state is State.OPEN:
                self._protocol.send_ping(b"")
                self._flush()

    def close(self) -> None:
        with self._lock:
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(CloseCode.POLICY_VIOLATION)
                self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._connection.sendall(data)
            else:
                self._connection.shutdown(socket.SHUT_WR)


class EventStream:
    """Serves the WebSocket, and sends events to its clients.

    A client whose token is not accepted any more is disconnected at the next event or ping. With
    `loses_events`, the events of changes are not sent. Without `is_pinging`, there are no pings.
    """

    def __init__(self, accepts: Callable[[str], bool], *, ping_seconds: float = PING_SECONDS) -> None:
        self.loses_events = False
        self.is_pinging = True
        self._accepts = accepts
        self._ping_seconds = ping_seconds
        self._lock = Lock()
        self._clients: set[_Client] = set()
        self._ended = Event()
        self._pinging = Thread(target=self._ping_all, daemon=True)

    def start(self) -> None:
        """Begins to send pings."""
        self._pinging.start()

    def stop(self) -> None:
        """Ends the pings. The connections end with those of the server."""
        self._ended.set()

    @property
    def clients(self) -> int:
        """The number of clients that have subscribed to anything."""
        with self._lock:
            return sum(bool(client.subscribed) for client in self._clients)

    def reply(self, request: Request, token: str) -> Reply:
        """Returns the reply to a request for the WebSocket, which then takes over the connection."""
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return json_reply(426, {"message": "Send an Upgrade header", "code": "UPGRADE_REQUIRED"})
        return Reply(101, takes_over=lambda connection: self._serve(connection, request, token))

    def publish(self, events: Sequence[ChatEvent]) -> None:
        """Sends the events of a change, unless events are lost."""
        if not self.loses_events:
            self.send(events)

    def send(self, events: Sequence[ChatEvent], *, sequences: Sequence[int] = ()) -> None:
        """Sends events as if these chats had changed. `sequences` replaces their numbers."""
        for client in self._valid_clients():
            try:
                for position, event in enumerate(events):
                    client.send_event(event, sequence=sequences[position] if sequences else None)
            except OSError:
                self._forget(client)

    def _serve(self, connection: socket.socket, request: Request, token: str) -> None:
        client = _Client(connection, token)
        try:
            if not client.open(request):
                return
            with self._lock:
                self._clients.add(client)
            client.send({"type": "ready", "version": 1, "chatIDs": []})
            for message in client.messages():
                client.send(_answer(message, client))
        except OSError:
            pass  # the client has gone
        finally:
            self._forget(client)

    def _valid_clients(self) -> list[_Client]:
        """Returns the clients whose token is accepted, and disconnects the others."""
        with self._lock:
            clients = list(self._clients)
        valid = [client for client in clients if self._accepts(client.token)]
        for client in clients:
            if client not in valid:
                client.close()
        return valid

    def _ping_all(self) -> None:
        while not self._ended.wait(self._ping_seconds):
            for client in self._valid_clients() if self.is_pinging else ():
                try:
                    client.ping()
                except OSError:
                    self._forget(client)

    def _forget(self, client: _Client) -> None:
        with self._lock:
            self._clients.discard(client)


def _answer(message: str, client: _Client) -> dict[str, object]:
    """Carries out a client's command, and returns the answer."""
    try:
        command: Any = json.loads(message)
        request_id, chat_ids = command.get("requestID"), command["chatIDs"]
        is_valid = command["type"] == "subscriptions.set" and (_ALL not in chat_ids or chat_ids == [_ALL])
    except (ValueError, KeyError, TypeError, AttributeError):
        request_id, chat_ids, is_valid = None, [], False
    if not is_valid:
        return {
            "type": "error",
            "requestID": request_id,
            "code": "INVALID_PAYLOAD",
            "message": "chatIDs cannot combine '*' with specific IDs",
        }
    client.subscribed = frozenset(chat_ids)
    return {"type": "subscriptions.updated", "requestID": request_id, "chatIDs": chat_ids}
