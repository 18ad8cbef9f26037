"""Faults that tests can switch on in the demo servers. Real servers have failed in each of these ways."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from demo.listener import HangUpError, Reply, json_reply


class Mode(StrEnum):
    """The kind of a fault."""

    NONE = "none"
    OFFLINE = "offline"  # the connection closes without an answer
    UNAUTHORIZED = "unauthorized"
    RATE_LIMITED = "rate_limited"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    SLOW = "slow"  # waits `seconds`, then answers
    DRIP = "drip"  # answers one byte every `seconds`
    WRONG_BYTES = "wrong_bytes"  # labelled as an image, but not one
    HTML = "html"  # the page of a tunnel, with status 200
    TUNNEL_DOWN = "tunnel_down"  # the same page, with status 530
    EMPTY = "empty"  # status 200 without a body
    TRUNCATED = "truncated"  # announces all of the body, sends half of it and hangs up
    WRONG_LENGTH = "wrong_length"  # announces half of the body and sends all of it
    ENDLESS = "endless"  # repeats the body until the client hangs up
    ASSET_ERROR = "asset_error"  # Beeper could not load the picture this time


class Target(StrEnum):
    """The requests that a fault applies to."""

    ALL = "all"
    CHATS = "chats"  # lists, single chats, accounts and their contacts
    IMAGES = "images"  # assets/serve
    MEDIA = "media"  # the media server


REFUSALS = {Mode.UNAUTHORIZED: 401, Mode.RATE_LIMITED: 429, Mode.NOT_FOUND: 404, Mode.CONFLICT: 409}

TUNNEL_PAGE = b"<!DOCTYPE html><html><title>Tunnel error</title><body>error code: 1033</body></html>"
HTML_HEADERS = {"Content-Type": "text/html; charset=UTF-8"}

SPOILED_REPLIES = {
    Mode.WRONG_BYTES: Reply(200, Random(0).randbytes(4096), {"Content-Type": "image/jpeg"}),
    Mode.HTML: Reply(200, TUNNEL_PAGE, HTML_HEADERS),
    Mode.TUNNEL_DOWN: Reply(530, TUNNEL_PAGE, HTML_HEADERS),
    Mode.EMPTY: Reply(200),
    Mode.ENDLESS: Reply(200, Random(0).randbytes(64 * 1024), is_endless=True),
    Mode.ASSET_ERROR: json_reply(
        502, {"message": "Failed to load the asset: timeout", "code": "SERVE_ASSET_ERROR"}
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault, and its parameters. The first `after` requests are still answered correctly."""

    mode: Mode = Mode.NONE
    seconds: float = 1.0
    after: int = 0

    def apply(self, answer: Callable[[], Reply], refuse: Callable[[int], Reply]) -> Reply:
        """Returns the reply to one request with this fault, or raises HangUpError.

        `answer` makes the correct reply. `refuse` makes the server's reply for an error status.
        """
        if self.mode is Mode.OFFLINE:
            raise HangUpError
        if self.mode in REFUSALS:
            return refuse(REFUSALS[self.mode])
        if self.mode in SPOILED_REPLIES:
            return SPOILED_REPLIES[self.mode]
        if self.mode is Mode.SLOW:
            time.sleep(self.seconds)
        reply = answer()
        half = len(reply.body) // 2
        match self.mode:
            case Mode.DRIP:
                return replace(reply, seconds_per_byte=self.seconds)
            case Mode.TRUNCATED:
                return replace(reply, body=reply.body[:half], announced=len(reply.body))
            case Mode.WRONG_LENGTH:
                return replace(reply, announced=half)
            case _:
                return reply


class Faults:
    """The active faults: at most one for each target, and one for each image, by its key.

    Targets without a fault have the fault of `all`.
    """

    def __init__(self) -> None:
        self._by_target: dict[Target, Fault] = {}
        self._by_image: dict[str, Fault] = {}

    def set(
        self,
        mode: str,
        target: str = Target.ALL,
        seconds: float = 1.0,
        after: int = 0,
        images: Sequence[str] = (),
    ) -> None:
        """Sets the fault of a target, or of the images with these keys if there are any.

        The mode `none` ends a fault, and for the target `all` it ends every fault. Raises ValueError if the
        mode or the target is unknown.
        """
        fault = Fault(Mode(mode), float(seconds), int(after))
        if images:
            self._by_image = {**self._by_image, **dict.fromkeys(images, fault)}
            return
        if (mode, target) == (Mode.NONE, Target.ALL):
            self._by_image = {}
        others = {} if (mode, target) == (Mode.NONE, Target.ALL) else self._by_target
        self._by_target = {**others, Target(target): fault}

    def take(self, target: Target) -> Fault:
        """Returns the fault for a request to this target.

        The first `after` requests have no fault. Each call counts one of them.
        """
        source = target if target in self._by_target else Target.ALL
        fault = self._by_target.get(source, Fault())
        if not fault.after:
            return fault
        self._by_target = {**self._by_target, source: replace(fault, after=fault.after - 1)}
        return Fault()

    def of_image(self, key: str) -> Fault:
        """Returns the fault of an image. Its `after` has no meaning."""
        return self._by_image.get(key, Fault())

    def as_json(self) -> dict[str, object]:
        """Returns the active faults by their target, or by the key of their image."""
        return {
            name: {"mode": fault.mode, "seconds": fault.seconds}
            for name, fault in (*self._by_target.items(), *self._by_image.items())
            if fault.mode is not Mode.NONE
        }
