"""Several use cases at once, one AWS call at a time: the test says who goes on, how far, and who dies."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any


class KilledError(BaseException):
    """The process is gone: nothing that catches errors sees it."""


@dataclass
class Actor:
    """Something that runs until its next AWS call, and then waits to be told to go on."""

    name: str
    work: Callable[[], Any]
    began: int
    lives_for: int
    calls_left: int = 0
    stops_before: frozenset[str] = frozenset()
    made_one: bool = False
    killed: bool = False
    done: bool = False
    error: BaseException | None = None
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    waits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


class Interleaving:
    """Only one thread ever runs: an actor's, or the test's."""

    def __init__(self) -> None:
        self.actors: list[Actor] = []
        self._running: Actor | None = None

    def begin(self, name: str, work: Callable[[], Any], *, now: int, lives_for: int) -> None:
        """It waits before its first call. Lambda ends it after `lives_for` ms."""
        actor = Actor(name, work, now, lives_for)
        self.actors.append(actor)
        threading.Thread(target=self._run, args=[actor], daemon=True).start()
        self._let(actor)

    def go_on(self, actor: Actor, *, calls: int = 10_000, before: frozenset[str] = frozenset()) -> None:
        """So many calls further, or to right before one of those, or to its end. Raises what it raised."""
        actor.calls_left, actor.stops_before = calls, before
        self._let(actor)

    def kill(self, actor: Actor) -> None:
        """Right before its next call."""
        actor.killed = True
        self._let(actor)

    def kill_all(self) -> None:
        """After a failure: a thread that waits for ever would keep the process from ending."""
        for actor in list(self.actors):
            with suppress(Exception):
                self.kill(actor)

    def pass_time(self, now: int) -> None:
        """Those whose time is over are killed, as Lambda does."""
        for actor in list(self.actors):
            if now - actor.began > actor.lives_for:
                self.kill(actor)

    def hook(self, model: Any, **_: Any) -> None:
        """Before each call of the clients that actors use. At least one is made each time."""
        actor = self._running
        if actor is None:
            return
        reached = actor.made_one and model.name in actor.stops_before
        if not actor.killed and (actor.calls_left <= 0 or reached):
            actor.waits.release()
            actor.go.acquire()
        if actor.killed:
            raise KilledError
        actor.calls_left -= 1
        actor.made_one = True

    def _run(self, actor: Actor) -> None:
        actor.go.acquire()
        try:
            actor.work()
        except KilledError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            actor.error = error
        finally:
            actor.done = True
            actor.waits.release()

    def _let(self, actor: Actor) -> None:
        self._running, actor.made_one = actor, False
        actor.go.release()
        actor.waits.acquire()
        self._running = None
        if actor.done:
            self.actors.remove(actor)
            if actor.error:
                raise actor.error
