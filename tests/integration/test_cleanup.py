"""The counts of the cache."""

import requests

from demo.service import DemoAccount
from imagecache.usecases.reading.count_cache import CacheCounts
from tests.integration.conftest import Stack


def counted(stack: Stack) -> CacheCounts:
    return stack.wiring.cache_counter.count()


def test_the_counts_are_those_of_the_account(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    before = counted(stack)
    assert (before.images, before.bytes, before.references, before.bytes_saved) == (0, 0, 0, 0)
    assert before.pending > 20
    pictured = [
        chat
        for chat in demo.account.chats
        if chat.picture or any(one.picture for one in chat.people if not one.is_self)
    ]
    # Not every URL has a key.
    assert 0 < before.chats <= len(pictured) < len(demo.account.chats)
    stack.drain(stack.cacher(demo, session))
    after = counted(stack)
    assert after.pending == 0
    assert after.images + sum(after.failed_by_reason.values()) == before.pending
    assert after.bytes > 3000 * after.blobs
    assert after.references > after.images >= after.blobs
    assert after.bytes_saved > 3000 * (after.references - after.images)
