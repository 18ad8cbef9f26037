"""One command leads to a page of faces, which survives a stop and an edit."""

import os
import signal
from collections.abc import Iterable, Mapping

import pytest

from imagecache.model.image import SIZES
from local.processes import leftovers
from tests.end_to_end.conftest import LIMIT_SECONDS, Clone, stop, wait_until

pytestmark = pytest.mark.engine


def all_cached(clone: Clone, deliverable: Iterable[str], hits: Mapping[str, int]) -> bool:
    """Returns whether a sync is over, every picture that can be delivered was delivered, and none waits."""
    if not clone.first_sync_is_over() or not hits.keys() >= set(deliverable):
        return False
    return "pending" not in {image["status"] for image in clone.images()}


def thumbnails_of(clone: Clone) -> set[str]:
    """Returns the URLs of every thumbnail of every page."""
    folders = {image["url"].removesuffix("192.webp") for image in clone.images() if "url" in image}
    return {f"{folder}{size}.webp" for folder in folders for size in SIZES}


def assert_every_url_loads(clone: Clone) -> int:
    """Requests every thumbnail of every page, and returns how many different ones there are."""
    paths = thumbnails_of(clone)
    for path in paths:
        with clone.open(path) as answer:
            assert (answer.status, answer.headers["content-type"]) == (200, "image/webp")
    return len(paths)


def test_one_command_shows_every_face_and_a_second_downloads_none_again(clone: Clone) -> None:
    """The account is small, because a media server is sent 80 requests per minute and no more."""
    clone.invent(single_chats=1, groups=1, crowd=1)
    clone.list_few_contacts()
    chats, pictures, contacts = 20, 35, 8  # at least so many
    first = clone.run_until_ready()
    wait_until(lambda: len(clone.get("/api/chats?limit=50")["chats"]) >= chats, what=f"{chats} chats")
    deliverable = clone.demo("account")["deliverable"]
    wait_until(
        lambda: all_cached(clone, deliverable, clone.image_hits()),
        what="every deliverable picture cached",
    )
    hits = clone.image_hits()
    assert hits == dict.fromkeys(hits, 1)
    thumbnails = assert_every_url_loads(clone)
    assert thumbnails > 3 * pictures
    statuses_of_contacts = [image["status"] for image in clone.images() if image.get("source") == "contact"]
    assert set(statuses_of_contacts) == {"cached"}
    assert len(statuses_of_contacts) >= contacts, "of chats, and of their members"
    assert stop(first, signal.SIGINT)[0] == 0
    assert clone.is_clean()

    function = clone.root / "functions" / "read" / "app.py"
    edited = 'os.environ | {"PUBLIC_BASE_URL": "https://edited.example"}'
    function.write_text(function.read_text().replace("os.environ", edited))
    second = clone.run_until_ready()
    paths = thumbnails_of(clone)
    assert len(paths) == thumbnails, "the state was kept"
    assert all(path.startswith("https://edited.example/images/") for path in paths), "new code serves"
    assert clone.image_hits() == {}
    assert stop(second, signal.SIGTERM)[0] == 0


def test_two_clones_run_side_by_side_and_only_the_one_whose_engine_ends_stops(
    clone: Clone, another_clone: Clone
) -> None:
    """Their demo accounts are small, because only what the two clones share matters here."""
    for each in (clone, another_clone):
        each.invent(single_chats=1, groups=1, crowd=1)
        each.list_few_contacts()
    first = clone.run_until_ready()
    second = another_clone.run_until_ready()
    for running in (clone, another_clone):
        assert len(running.get("/api/chats")["chats"]) > 0
    for pid in leftovers(clone.root / ".local" / "demo"):
        os.kill(pid, signal.SIGKILL)
    _, errors = first.communicate(timeout=LIMIT_SECONDS)
    assert first.returncode == 1
    log = clone.root / ".local" / "demo" / "ministack.log"
    assert errors.splitlines()[-1] == f"stopped: the engine was ended by SIGKILL; its log is {log}"
    assert clone.is_clean()
    assert len(another_clone.get("/api/chats")["chats"]) > 0
    assert stop(second)[0] == 0
    assert another_clone.is_clean()
