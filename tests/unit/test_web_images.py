"""An https image is fetched from public addresses only, whatever its name says the second time."""

import json
import socket
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from imagecache.errors import ImageFailedError, OriginDownError
from imagecache.model.image import FailureReason
from imagecache.rules.source_urls import WebLocation
from imagecache.sources import transport
from imagecache.sources.web_images import GuardedWeb, is_public, resolve

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "ssrf.json").read_text())


@pytest.mark.parametrize("address", VECTORS["refuse"])
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", VECTORS["allow"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", [*VECTORS["hostSpellingsOfLoopback"], "127.0.0.1"])
def test_no_spelling_of_this_machine_is_connected_to(host: str) -> None:
    with pytest.raises(ImageFailedError) as caught:
        GuardedWeb(resolve=resolve).fetch(WebLocation(f"https://{host}/a.jpg"))
    assert caught.value.reason is FailureReason.REFUSED


def test_one_private_answer_among_public_ones_is_enough_to_refuse() -> None:
    web = GuardedWeb(resolve=lambda _host, _port: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(ImageFailedError) as caught:
        web.fetch(WebLocation("https://example.com/a.jpg"))
    assert caught.value.reason is FailureReason.REFUSED


def test_a_name_without_an_address_may_have_one_later() -> None:
    def nothing(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(OriginDownError):
        GuardedWeb(resolve=nothing).fetch(WebLocation("https://example.invalid/a.jpg"))


def test_a_host_is_asked_for_its_ipv4_addresses_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or every host that also has an IPv6 address would be refused."""
    families: list[object] = []
    real = socket.getaddrinfo

    def seen(*args: Any, **options: Any) -> Any:
        families.append(options.get("family"))
        return real(*args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", seen)
    assert set(resolve("localhost", 443)) == {"127.0.0.1"}
    assert families == [socket.AF_INET]


def test_a_name_server_that_is_silent_outlives_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagecache.sources.web_images.Deadline", partial(transport.Deadline, 0.3))
    over = threading.Event()

    def silent(_host: str, _port: int) -> list[str]:
        over.wait(5)
        return ["8.8.8.8"]

    began = time.monotonic()
    with pytest.raises(OriginDownError):
        GuardedWeb(resolve=silent).fetch(WebLocation("https://pictures.example/a.jpg"))
    assert time.monotonic() - began < 1.5
    over.set()
