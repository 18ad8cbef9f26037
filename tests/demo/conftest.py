"""Fixtures: a small demo account behind real sockets, and a client for each of its two servers."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from demo.account import Account
from demo.service import DemoAccount
from tests.demo.clients import Client, Clock


@pytest.fixture(scope="session")
def full_account() -> Account:
    return Account()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def demo(clock: Clock) -> Iterator[DemoAccount]:
    with DemoAccount(scale=0.1, clock=clock) as running:
        yield running


@pytest.fixture
def beeper(demo: DemoAccount) -> Iterator[Client]:
    with closing(Client(demo.beeper_url, demo.beeper_token, demo.control_token)) as client:
        yield client


@pytest.fixture
def media(demo: DemoAccount) -> Iterator[Client]:
    with closing(Client(demo.media_url, demo.media_token)) as client:
        yield client
