"""One https host on the web, whose server the tests write."""

import ssl
from collections.abc import Iterator

import pytest

from tests.hostile.origin import certificate
from tests.hostile.web import HOST, Web


@pytest.fixture(scope="module")
def tls() -> Iterator[tuple[ssl.SSLContext, str]]:
    with certificate(HOST) as made:
        yield made


@pytest.fixture
def web(tls: tuple[ssl.SSLContext, str]) -> Web:
    return Web(tls)
