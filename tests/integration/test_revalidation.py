"""Revalidation of an https image: what an answer changes, and which worker may record it."""

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from imagecache.clock import DAY
from imagecache.model.image import Failure, FailureReason, ImageMessage
from imagecache.sources.web_images import GuardedWeb
from imagecache.stores.images.claims import Claim, Won
from imagecache.usecases.caching.fetch_image import ImageSources
from tests.hostile.origin import Origin, Say, answer, certificate
from tests.hostile.web import HOST, PUBLIC, conditions
from tests.integration.conftest import NOW, Stack
from tests.integration.test_claim_table import history, png

URL = f"https://{HOST}/ada.png"
MESSAGE = ImageMessage(URL, URL, NOW)
MONDAY = "Mon, 05 Oct 2026 07:28:00 GMT"
TUESDAY = "Tue, 06 Oct 2026 07:28:00 GMT"
NAMED = answer("200 OK", png("red"), 'ETag: "v1"', f"Last-Modified: {MONDAY}")
NAMELESS = answer("200 OK", png("red"))
UNCHANGED = answer("304 Not Modified")
ANY_BUT_V1 = {"If-None-Match": '"v1"', "If-Modified-Since": MONDAY}


class Site:
    """A web server that gives `says` in turn, and a worker. `meanwhile` runs before the worker connects."""

    def __init__(self, stack: Stack, tls: ssl.SSLContext, authority: str) -> None:
        self._stack = stack
        self.says: list[Say] = []
        self.origin = Origin(self._say, tls=tls)
        self.meanwhile: list[Callable[[], object]] = []
        web = GuardedWeb(resolve=lambda _host, _port: [PUBLIC], reach=self._reach, ca_certs=authority)
        self._cacher = stack.image_cacher(ImageSources(media={}, web=web))

    def _say(self, connection: socket.socket) -> None:
        self.says.pop(0)(connection)

    def _reach(self, _address: str, _port: int) -> tuple[str, int]:
        while self.meanwhile:
            self.meanwhile.pop()()
        return "127.0.0.1", self.origin.port

    def cache(self) -> str:
        return self._cacher.cache(MESSAGE).result

    def cached_a_month_ago(self, say: Say = NAMED) -> dict[str, Any]:
        """Caches the image, and requests revalidation a month later. Returns the row before the request."""
        self.says = [say]
        assert self.cache() == "cached"
        row = self._stack.row(URL)
        self._stack.now += 30 * DAY
        assert self._stack.cached_images.revalidate(URL, now=self._stack.now)
        self._stack.now += 1
        return row

    def asked(self) -> list[dict[str, str]]:
        return [conditions(request) for request in self.origin.requests]


@pytest.fixture(scope="module")
def tls() -> Iterator[tuple[ssl.SSLContext, str]]:
    with certificate(HOST) as made:
        yield made


@pytest.fixture
def site(stack: Stack, tls: tuple[ssl.SSLContext, str]) -> Iterator[Site]:
    made = Site(stack, *tls)
    with made.origin:
        yield made


def versions(stack: Stack) -> int:
    return len(stack.s3.list_object_versions(Bucket="images")["Versions"])


def other_worker(stack: Stack) -> Claim:
    return stack.claims.claim(MESSAGE, now=stack.now, lease_seconds=90, nonce="other")


def test_an_unchanged_image_is_not_downloaded_however_often_the_message_comes(
    stack: Stack, site: Site
) -> None:
    before = site.cached_a_month_ago()
    objects = versions(stack)
    site.says = [UNCHANGED]
    assert [site.cache() for _ in range(3)] == ["unchanged", "deduplicated", "deduplicated"]
    assert site.asked() == [{}, ANY_BUT_V1]
    after = stack.row(URL)
    assert after.pop("history") != before.pop("history")
    assert after == {**before, "checkedAt": str(stack.now)}
    assert versions(stack) == objects
    assert history(stack, URL)[-1].answer == "unchanged"


def test_a_304_may_replace_the_validators(stack: Stack, site: Site) -> None:
    site.cached_a_month_ago()
    site.says = [answer("304 Not Modified", b"", 'ETag: W/"v1"', f"Last-Modified: {TUESDAY}")]
    assert site.cache() == "unchanged"
    assert (stack.row(URL)["etag"], stack.row(URL)["lastModified"]) == ('W/"v1"', TUESDAY)


def test_changed_bytes_are_a_new_blob_at_a_new_url(stack: Stack, site: Site) -> None:
    before = site.cached_a_month_ago()
    site.says = [answer("200 OK", png("blue"), 'ETag: "v2"')]
    assert [site.cache(), site.cache()] == ["cached", "deduplicated"]
    after = stack.row(URL)
    assert after["blobId"] != before["blobId"]
    assert stack.s3.head_object(Bucket="images", Key=f"originals/{before['blobId']}"), "the sweep's, later"
    assert (after["etag"], after["cachedAt"], after["checkedAt"]) == ('"v2"', str(stack.now), str(stack.now))
    assert "lastModified" not in after


def test_the_same_bytes_with_other_validators_keep_their_blob_and_the_time_of_caching(
    stack: Stack, site: Site
) -> None:
    before = site.cached_a_month_ago()
    site.says = [answer("200 OK", png("red"), 'ETag: "v2"')]
    assert site.cache() == "cached"
    after = stack.row(URL)
    assert (after["blobId"], after["cachedAt"]) == (before["blobId"], str(NOW))
    assert (after["etag"], after["checkedAt"]) == ('"v2"', str(stack.now))


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "503 Service Unavailable"])
def test_a_source_that_vanishes_leaves_the_cached_copy_and_its_validators(
    stack: Stack, site: Site, status: str
) -> None:
    before = site.cached_a_month_ago()
    site.says = [answer(status, b"no"), UNCHANGED]
    assert [site.cache(), site.cache()] == ["failed", "deduplicated"]
    after = stack.row(URL)
    assert {**after, "history": ""} == {**before, "history": "", "checkedAt": str(stack.now)}
    stack.cached_images.revalidate(URL, now=stack.now + 1)
    assert site.cache() == "unchanged"
    assert site.asked() == [{}, ANY_BUT_V1, ANY_BUT_V1]


def test_a_server_without_validators_is_asked_for_the_bytes(site: Site) -> None:
    site.cached_a_month_ago(NAMELESS)
    site.says = [NAMELESS]
    assert site.cache() == "cached"
    assert site.asked() == [{}, {}]


def test_an_image_that_is_forgotten_during_revalidation_stays_forgotten(stack: Stack, site: Site) -> None:
    site.cached_a_month_ago()
    site.says = [UNCHANGED]
    site.meanwhile = [lambda: stack.cached_images.forget(URL)]
    assert [site.cache(), site.cache()] == ["lost", "deduplicated"]
    assert set(stack.row(URL)) == {"imageKey", "status", "sourceUrl"}


def test_a_worker_whose_lease_lapsed_cannot_record_that_nothing_has_changed(stack: Stack, site: Site) -> None:
    site.cached_a_month_ago()
    site.says = [UNCHANGED]

    def overtaken() -> None:
        stack.now += 90_001
        assert isinstance(other_worker(stack), Won)

    site.meanwhile = [overtaken]
    assert site.cache() == "lost"
    assert stack.row(URL)["lease"].endswith(".other")
    assert stack.row(URL)["checkedAt"] == str(NOW)


@pytest.mark.parametrize("name", ['ETag: "v1"', f"Last-Modified: {MONDAY}"])
def test_an_explicit_refresh_sends_no_conditions(stack: Stack, site: Site, name: str) -> None:
    site.cached_a_month_ago(answer("200 OK", png("red"), name))
    assert stack.cached_images.request_refresh(URL, now=stack.now)
    site.says = [NAMED]
    assert [site.cache(), site.cache()] == ["cached", "deduplicated"]
    assert site.asked() == [{}, {}]


def test_an_explicit_refresh_takes_the_lease_of_a_revalidation(stack: Stack, site: Site) -> None:
    site.cached_a_month_ago()
    site.says = [UNCHANGED, NAMED]
    operator = stack.wiring.image_changes
    site.meanwhile = [lambda: operator.refresh(URL)]
    assert site.cache() == "lost"
    assert len(stack.messages()) == 1
    assert [site.cache(), site.cache()] == ["cached", "deduplicated"]
    assert site.asked() == [{}, ANY_BUT_V1, {}]


def test_an_explicit_refresh_does_not_interrupt_a_download(stack: Stack, site: Site) -> None:
    site.cached_a_month_ago()
    site.says = [NAMED]
    stack.cached_images.request_refresh(URL, now=stack.now)
    site.meanwhile = [lambda: stack.cached_images.request_refresh(URL, now=stack.now)]
    assert [site.cache(), site.cache()] == ["cached", "deduplicated"]


def test_only_a_cached_image_is_revalidated(stack: Stack) -> None:
    assert not stack.cached_images.revalidate(URL, now=NOW)
    stack.claims.fail(stack.won(MESSAGE), Failure(FailureReason.GONE, NOW, NOW))
    assert not stack.cached_images.revalidate(URL, now=NOW)
    stack.cached_images.forget(URL)
    assert not stack.cached_images.revalidate(URL, now=NOW)
    assert "refreshRequestedAt" not in stack.row(URL)
