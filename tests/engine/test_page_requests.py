"""What a page costs, counted on the engine: its look-ups go side by side, which moto does not survive."""

from dataclasses import replace
from typing import Any

import boto3

from imagecache.model.image import ImageMessage, ImageRef
from local.engine import Engine
from tests.integration.api import Api
from tests.integration.conftest import NOW, Stack
from tests.integration.made import ADA, CHAT, put

# Members with pictures of their own, twenty to a chat and most in several.
PEOPLE = 250


def filled(engine: Engine) -> Stack:
    """50 groups of 20, whose 250 pictures wait in the queue."""
    access = engine.access
    dynamodb, sqs = boto3.client("dynamodb", **access), boto3.client("sqs", **access)
    stack = Stack(dynamodb, boto3.client("s3", **access), sqs, queue_url="")
    keys = [f"page/{number}" for number in range(PEOPLE)]
    people = [replace(ADA, participant_id=f"@{key}", image=ImageRef(key)) for key in keys]
    for key in keys:
        stack.cached_images.mark_queued(ImageMessage(key, f"mxc://{key}", NOW))
    for number in range(50):
        members = tuple(people[(number * 7 + place) % PEOPLE] for place in range(20))
        chat = replace(CHAT, chat_id=f"!page{number}", type="group", participants=members)
        put(stack, replace(chat, participant_count=20))
    return stack


def test_a_page_of_fifty_chats_is_one_query_and_one_wave_over_its_distinct_images(
    engine_with_tables: Engine,
) -> None:
    stack = filled(engine_with_tables)
    calls: list[tuple[str, Any]] = []

    def record(params: Any, model: Any, **_: object) -> None:
        calls.append((model.name, params))

    stack.dynamodb.meta.events.register("provide-client-params.dynamodb.*", record)
    page = Api(stack).get("/api/chats", limit="50", participants="20")

    images = [one["image"]["status"] for chat in page["chats"] for one in chat["participants"]]
    assert images == ["pending"] * 50 * 20
    assert sorted(name for name, _ in calls) == ["BatchGetItem", "BatchGetItem", "BatchGetItem", "Query"]
    asked = [params["RequestItems"]["CachedImagesTable"]["Keys"] for name, params in calls[1:]]
    assert sorted(len(keys) for keys in asked) == [50, 100, 100]
    assert len({key["imageKey"]["S"] for keys in asked for key in keys}) == PEOPLE
