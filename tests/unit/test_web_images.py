"""An https image is fetched from public addresses only, whatever its name says the second time."""

import json
import socket
import threading
import time
import tomllib
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.errors import ImageFailedError, OriginDownError
from imagecache.model.image import FailureReason
from imagecache.rules.source_urls import WebLocation
from imagecache.sources.transport import TimeLimits
from imagecache.sources.web_images import GuardedWeb, is_public, resolve, user_agent

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "ssrf.json").read_text())


@pytest.mark.parametrize("address", VECTORS["refuse"])
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", VECTORS["allow"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(address)


# IANA's special-purpose networks, multicast and the reserved class E. The order does not matter.
SPECIAL = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
]


@pytest.mark.parametrize("network", SPECIAL)
def test_no_address_of_a_special_network_is_public(network: str) -> None:
    special = ip_network(network)
    assert not is_public(str(special[0]))
    assert not is_public(str(special[-1]))
    assert not is_public(str(special[special.num_addresses // 2]))


@given(st.ip_addresses(v=4, network="192.0.0.0/24") | st.ip_addresses(v=4))
def test_every_other_address_is_public(address: IPv4Address) -> None:
    is_special = any(address in ip_network(network) for network in SPECIAL)
    assert is_public(str(address)) is not is_special


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


def test_the_user_agent_has_the_version_of_this_program_and_the_owners_url() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert user_agent("") == f"ChatImageCache/{project['version']}"
    assert user_agent("mailto:a@b.example") == f"ChatImageCache/{project['version']} (+mailto:a@b.example)"


def test_a_name_server_that_is_silent_outlives_no_deadline() -> None:
    is_over = threading.Event()

    def silent(_host: str, _port: int) -> list[str]:
        is_over.wait(60)
        return ["8.8.8.8"]

    web = GuardedWeb(resolve=silent, limits=TimeLimits(total_seconds=0.3))
    began = time.monotonic()
    try:
        with pytest.raises(OriginDownError):
            web.fetch(WebLocation("https://pictures.example/a.jpg"))
    finally:
        is_over.set()
    assert time.monotonic() - began < 30
