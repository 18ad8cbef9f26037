"""Starts and stops the two servers of the demo account."""

import secrets
import time
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import Self

from demo.account import DEFAULT_NOW, Account
from demo.address_book import contacts_in_dex
from demo.chat_api import ChatApi
from demo.control import PREFIX, Control
from demo.dex import DEMO_KEY, FakeDex
from demo.dex import PATH as DEX_PATH
from demo.events import PING_SECONDS, EventStream
from demo.faults import Faults
from demo.hits import Hits
from demo.listener import Listener, Reply, Request
from demo.media_server import MediaServer, RateLimit
from demo.oauth import AUTHORIZE_PATH, OAuthServer

BEEPER_TOKEN = "demo-beeper-token"  # noqa: S105 - it opens only an invented account
MEDIA_TOKEN = "demo-media-token"  # noqa: S105 - it opens only an invented account


class DemoAccount:
    """Serves an invented account at `beeper_url` and `media_url`, inside of a `with` statement.

    Port 0 means any free port. Dex is served at `beeper_url`, too, because its paths differ from Beeper's.
    `clock` returns seconds for the media server's rate limit. `now` is the date of the account. The endpoints
    of `demo.control` require `control_token`, which is random if it is not given. With `is_old`, the account
    is served as by an older version of Beeper. The WebSocket sends a ping every `ping_seconds`. Raises
    OSError if a port is taken.
    """

    def __init__(
        self,
        *,
        seed: int = 7,
        scale: float = 1.0,
        now: datetime = DEFAULT_NOW,
        port: int = 0,
        media_port: int = 0,
        beeper_token: str = BEEPER_TOKEN,
        media_token: str = MEDIA_TOKEN,
        control_token: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        is_old: bool = False,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self.beeper_token = beeper_token
        self.media_token = media_token
        self.control_token = control_token or secrets.token_urlsafe(32)
        self.account = Account(seed=seed, scale=scale, now=now, is_old=is_old)
        self.faults = Faults()
        self.hits = Hits()
        self.rate_limit = RateLimit(clock=clock)
        self.oauth = OAuthServer(beeper_token)
        self.events = EventStream(self.oauth.accepts, ping_seconds=ping_seconds)
        self.account.on_change = self.events.publish
        self.chat_api = ChatApi(self.account, self.faults, self.hits, self.oauth.accepts, self.events)
        self._control = Control(
            self.account,
            self.faults,
            self.hits,
            self.chat_api,
            self.rate_limit,
            oauth=self.oauth,
            events=self.events,
            token=self.control_token,
        )
        media = MediaServer(self.account, self.faults, self.hits, media_token, self.rate_limit)
        self._beeper_listener = Listener(port, self._answer, pages={AUTHORIZE_PATH})
        self._media_listener = Listener(media_port, media)
        self.beeper_url = self._beeper_listener.url
        self.media_url = self._media_listener.url

    def __enter__(self) -> Self:
        self.events.start()
        self._beeper_listener.start()
        self._media_listener.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.events.stop()
        self._beeper_listener.stop()
        self._media_listener.stop()

    @cached_property
    def dex(self) -> FakeDex:
        """The server of the same owner's contacts in Dex. It is created when it is first used."""
        return FakeDex(contacts_in_dex(self.account), key=DEMO_KEY)

    def _answer(self, request: Request) -> Reply:
        if request.path == DEX_PATH:
            return self.dex(request)
        if self.oauth.answers(request):
            return self.oauth(request)
        is_control = request.path.startswith(PREFIX)
        return self._control(request) if is_control else self.chat_api(request)
