"""An https image is fetched from public addresses only, whatever its name says the second time."""

import json
from pathlib import Path

import pytest

from imagecache.errors import ImageFailedError, OriginDownError
from imagecache.identity import WebSource
from imagecache.model import FailureReason
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
        GuardedWeb(resolve=resolve).fetch(WebSource(f"https://{host}/a.jpg"))
    assert caught.value.reason is FailureReason.REFUSED


def test_one_private_answer_among_public_ones_is_enough_to_refuse() -> None:
    web = GuardedWeb(resolve=lambda _host, _port: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(ImageFailedError) as caught:
        web.fetch(WebSource("https://example.com/a.jpg"))
    assert caught.value.reason is FailureReason.REFUSED


def test_a_name_without_an_address_may_have_one_later() -> None:
    def nothing(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(OriginDownError):
        GuardedWeb(resolve=nothing).fetch(WebSource("https://example.invalid/a.jpg"))
