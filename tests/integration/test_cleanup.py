"""The nightly snapshot counts what is there."""

import requests

from imagecache.usecases.count_images import count_images
from local.demo.service import DemoAccount
from tests.integration.conftest import NOW, Stack


def test_the_snapshot_counts_rows_bytes_and_chats(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    count_images(images=stack.images, chats=stack.chats, state=stack.state, clock=stack.clock)
    before = stack.state.statistics()
    assert before["totalCachedImages"] == 0
    assert before["pending"] > 20
    faces = [one.picture for chat in demo.account.chats for one in chat.people if not one.is_self]
    assert None in faces
    assert 0 < before["totalChatsWithImages"] < len(demo.account.chats)
    stack.drain(stack.cacher(demo, session))
    after = count_images(images=stack.images, chats=stack.chats, state=stack.state, clock=stack.clock)
    assert after == stack.state.statistics()
    assert after["totalCachedImages"] + after["failed"] == before["pending"]
    assert after["totalStorageBytes"] > 3000 * after["totalCachedImages"]
    assert after["countedAt"] == NOW
