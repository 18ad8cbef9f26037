"""Switches that make the demo servers fail in the ways real ones did (reference A 1.1, B 2.2, C 3.5)."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from demo.listener import HangUpError, Reply


class Mode(StrEnum):
    NONE = "none"
    OFFLINE = "offline"  # the connection closes without an answer
    UNAUTHORIZED = "unauthorized"
    RATE_LIMITED = "rate_limited"
    NOT_FOUND = "not_found"
    SLOW = "slow"  # waits `seconds`, then answers
    DRIP = "drip"  # answers one byte every `seconds`
    WRONG_BYTES = "wrong_bytes"  # no image, but labelled as one
    HTML = "html"  # a tunnel's page with status 200
    TUNNEL_DOWN = "tunnel_down"  # the same page with status 530


class Target(StrEnum):
    ALL = "all"
    CHATS = "chats"  # lists, single chats and accounts
    IMAGES = "images"  # assets/serve
    MEDIA = "media"  # the media server


@dataclass(frozen=True, slots=True)
class Fault:
    mode: Mode = Mode.NONE
    seconds: float = 1.0
    after: int = 0  # so many requests that are still served

    def apply(self, answer: Callable[[], Reply], refuse: Callable[[int], Reply]) -> Reply:
        """Answers, refuses with a status in the server's own words, or does worse."""
        if self.mode is Mode.OFFLINE:
            raise HangUpError
        if self.mode in REFUSALS:
            return refuse(REFUSALS[self.mode])
        if self.mode in SPOILED_REPLIES:
            return SPOILED_REPLIES[self.mode]
        if self.mode is Mode.SLOW:
            time.sleep(self.seconds)
        pause = self.seconds if self.mode is Mode.DRIP else 0.0
        return replace(answer(), seconds_per_byte=pause)


class Faults:
    """One fault per target; a target's own fault goes before that of `all`."""

    def __init__(self) -> None:
        self._by_target: dict[Target, Fault] = {}

    def set(self, mode: str, target: str = Target.ALL, seconds: float = 1.0, after: int = 0) -> None:
        """`none` ends the fault of its target; for `all` it ends every fault."""
        fault = Fault(Mode(mode), float(seconds), int(after))
        others = {} if (mode, target) == (Mode.NONE, Target.ALL) else self._by_target
        self._by_target = {**others, Target(target): fault}

    def on(self, target: Target) -> Fault:
        where = target if target in self._by_target else Target.ALL
        fault = self._by_target.get(where, Fault())
        if not fault.after:
            return fault
        self._by_target = {**self._by_target, where: replace(fault, after=fault.after - 1)}
        return Fault()

    def as_json(self) -> dict[str, object]:
        active = {target: fault for target, fault in self._by_target.items() if fault.mode is not Mode.NONE}
        return {target: {"mode": fault.mode, "seconds": fault.seconds} for target, fault in active.items()}


REFUSALS = {Mode.UNAUTHORIZED: 401, Mode.RATE_LIMITED: 429, Mode.NOT_FOUND: 404}

TUNNEL_PAGE = b"<!DOCTYPE html><html><title>Tunnel error</title><body>error code: 1033</body></html>"
HTML_HEADERS = {"Content-Type": "text/html; charset=UTF-8"}

SPOILED_REPLIES = {
    Mode.WRONG_BYTES: Reply(200, Random(0).randbytes(4096), {"Content-Type": "image/jpeg"}),
    Mode.HTML: Reply(200, TUNNEL_PAGE, HTML_HEADERS),
    Mode.TUNNEL_DOWN: Reply(530, TUNNEL_PAGE, HTML_HEADERS),
}
