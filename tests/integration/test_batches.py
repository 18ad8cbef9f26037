"""Rows that are written in batches are as safe as those that are written one by one.

A batch inserts rows that did not exist when they were looked for. Another process may have written one since.
"""

from dataclasses import replace

import pytest

from imagecache.errors import FencedOffError
from imagecache.model.chat import Participant
from imagecache.model.image import ImageSource, ImageStatus
from imagecache.stores.batches import Statement, execute
from imagecache.stores.chats.chats import ChatToStore
from imagecache.stores.images.cached_images import Orphan
from imagecache.stores.images.row import new_lease
from tests.integration.conftest import NOW, Stack
from tests.integration.made import CHAT, cache, person, request

CROWD = replace(CHAT, participants=tuple(person(f"Person{number}") for number in range(60)))
NEW = ChatToStore(chat=CHAT, preview_json="[]", list_fingerprint="new", roster_fingerprint="new", is_new=True)


def names(roster: dict[str, Participant]) -> dict[str, str | None]:
    return {participant_id: member.full_name for participant_id, member in roster.items()}


def test_new_members_are_written_25_with_one_request(stack: Stack) -> None:
    stack.calls.clear()
    stack.participants_table.merge([CROWD], stored={CROWD.chat_id: {}}, fence=1)
    assert stack.calls == ["BatchExecuteStatement"] * 3
    assert len(stack.participants_table.roster(CROWD.chat_id)) == 60


def test_members_that_a_newer_run_has_written_meanwhile_are_not_overwritten(stack: Stack) -> None:
    newer = replace(CROWD, participants=(replace(CROWD.participants[30], full_name="Newer"),))
    stack.participants_table.merge([newer], stored={CROWD.chat_id: {}}, fence=2)
    with pytest.raises(FencedOffError):
        stack.participants_table.merge([CROWD], stored={CROWD.chat_id: {}}, fence=1)
    assert names(stack.participants_table.roster(CROWD.chat_id))["@person30"] == "Newer"


def test_members_that_an_older_run_has_written_meanwhile_are_replaced(stack: Stack) -> None:
    older = replace(CROWD, participants=(replace(CROWD.participants[30], full_name="Older"),))
    stack.participants_table.merge([older], stored={CROWD.chat_id: {}}, fence=1)
    stack.participants_table.merge([CROWD], stored={CROWD.chat_id: {}}, fence=2)
    assert names(stack.participants_table.roster(CROWD.chat_id))["@person30"] == "Person30"


@pytest.mark.parametrize(("fence", "is_newer"), [(1, True), (3, False)])
def test_a_chat_that_another_run_has_written_meanwhile_is_replaced_only_by_a_newer_run(
    stack: Stack, fence: int, is_newer: bool
) -> None:
    stack.chats_table.put([replace(NEW, list_fingerprint="meanwhile")], fence=2)
    if is_newer:
        with pytest.raises(FencedOffError):
            stack.chats_table.put([NEW], fence=fence)
    else:
        stack.chats_table.put([NEW], fence=fence)
    stored = stack.chats_table.stored([CHAT.chat_id])[CHAT.chat_id]
    assert stored.list_fingerprint == ("meanwhile" if is_newer else "new")


def test_an_image_that_is_cached_between_its_look_up_and_its_message_stays_cached(stack: Stack) -> None:
    cache(stack, "s/ada", "b" * 64)
    assert stack.cached_images.insert_queued([request("s/ada"), request("s/bea")], at_once=1) == [
        request("s/ada")
    ]
    records = stack.cached_images.records(["s/ada", "s/bea"])
    assert records["s/ada"].status is ImageStatus.CACHED
    assert records["s/bea"].status is ImageStatus.PENDING


def test_a_row_that_was_inserted_is_the_row_that_mark_queued_would_have_made(stack: Stack) -> None:
    stack.image_queueing.request([ImageSource("s/ada", "mxc://s/ada?key=secret")])
    [inserted] = stack.dynamodb.scan(TableName="CachedImagesTable")["Items"]
    stack.dynamodb.delete_item(TableName="CachedImagesTable", Key={"imageKey": {"S": "s/ada"}})
    stack.cached_images.mark_queued(replace(request("s/ada"), source_url="mxc://s/ada?key=secret"))
    assert stack.dynamodb.scan(TableName="CachedImagesTable")["Items"] == [inserted]


def test_a_row_that_is_too_large_keeps_no_other_row_of_the_batch_from_being_written(stack: Stack) -> None:
    statements = [
        Statement(
            "INSERT INTO \"ChatParticipantsTable\" VALUE {'chatId': ?, 'participantId': ?, 'fullName': ?}",
            [{"S": "!ada"}, {"S": f"@{length}"}, {"S": "x" * length}],
        )
        for length in (1, 500_000, 2)
    ]
    assert execute(stack.dynamodb, statements, at_once=1) == [True, False, True]


def test_an_image_that_was_forgotten_meanwhile_is_not_marked_as_an_orphan(stack: Stack) -> None:
    """Such a mark would delete the row, and the next sync would bring the picture back."""
    cache(stack, "s/ada", "b" * 64)
    stack.cached_images.forget("s/ada")
    assert stack.cached_images.mark_orphans(["s/ada"], now=NOW, at_once=1) == [False]
    assert "orphanedAt" not in stack.row("s/ada")


def test_only_orphans_with_the_mark_that_was_read_and_without_a_worker_are_deleted(stack: Stack) -> None:
    rows = {
        "s/marked": {"orphanedAt": {"N": "5"}},
        "s/lapsed": {"orphanedAt": {"N": "5"}, "lease": {"S": new_lease(ends_at=NOW - 1, nonce="n")}},
        "s/leased": {"orphanedAt": {"N": "5"}, "lease": {"S": new_lease(ends_at=NOW, nonce="n")}},
        "s/marked again": {"orphanedAt": {"N": "6"}},
        "s/shown": {},
    }
    for key, attributes in rows.items():
        item = {"imageKey": {"S": key}, "status": {"S": "cached"}, **attributes}
        stack.dynamodb.put_item(TableName="CachedImagesTable", Item=item)
    orphans = [Orphan(key, orphaned_at=5) for key in (*rows, "s/gone")]
    done = stack.cached_images.delete_orphans(orphans, now=NOW, at_once=1)
    assert done == [True, True, False, False, False, False]
    assert stack.cached_images.records(rows).keys() == {"s/leased", "s/marked again", "s/shown"}
