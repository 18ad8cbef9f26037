"""The conditional writes of cachedImages: which of them change a row, and how."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagecache.clock import DAY, HOUR
from imagecache.errors import LeaseLostError
from imagecache.model.image import (
    BadBytes,
    Blob,
    Failure,
    FailureReason,
    ImageMessage,
    ImageRecord,
    ImageStatus,
    ImageView,
    OriginAnswer,
    Validators,
)
from imagecache.rules.retries import NEVER
from imagecache.stores.images.claims import Claim, Held, Won, decide_claim
from imagecache.stores.images.row import new_lease
from tests.integration.conftest import NOW, Stack

KEY = "beeper.com/ada"
MESSAGE = ImageMessage(KEY, "mxc://beeper.com/ada?encryptedFileInfoJSON=secret", NOW)
BLOB = Blob(blob_id="b10b", content_type="image/png", file_size=1000, width=640, height=480)

MOMENTS = st.sampled_from([0, NOW - DAY, NOW - 1, NOW, NOW + 1, NEVER])
ENDS_OF_LEASES = st.sampled_from([0, *(NOW + ms for ms in (-HOUR, -1, 0, 1))])
RECORDS = st.none() | st.builds(
    ImageRecord,
    image_key=st.just(KEY),
    status=st.sampled_from(ImageStatus),
    held_until=ENDS_OF_LEASES,
    next_attempt_at=MOMENTS,
    checked_at=MOMENTS,
    refresh_requested_at=MOMENTS,
)


def claim(stack: Stack, nonce: str = "mine") -> Claim:
    return stack.claims.claim(MESSAGE, now=stack.now, lease_seconds=90, nonce=nonce)


def store(stack: Stack, record: ImageRecord | None) -> None:
    stack.dynamodb.delete_item(TableName="CachedImagesTable", Key={"imageKey": {"S": KEY}})
    if record is None:
        return
    item: dict[str, Any] = {"imageKey": {"S": KEY}, "status": {"S": record.status.value}}
    if record.held_until:
        item["lease"] = {"S": new_lease(ends_at=record.held_until, nonce="x")}
    for name, moment in (
        ("nextAttemptAt", record.next_attempt_at),
        ("checkedAt", record.checked_at),
        ("refreshRequestedAt", record.refresh_requested_at),
    ):
        item[name] = {"N": str(moment)}
    stack.dynamodb.put_item(TableName="CachedImagesTable", Item=item)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=150)
@given(record=RECORDS)
def test_the_conditional_write_and_the_rules_agree_on_every_row(
    stack: Stack, record: ImageRecord | None
) -> None:
    store(stack, record)
    refusal = decide_claim(record, NOW)
    result = claim(stack)
    assert isinstance(result, Won) if refusal is None else result == refusal


def test_every_attribute_of_a_row_is_in_its_record(stack: Stack) -> None:
    item: dict[str, Any] = {
        "imageKey": {"S": KEY},
        "status": {"S": "failed"},
        "sourceUrl": {"S": "mxc://beeper.com/ada"},
        "reason": {"S": "undecodable"},
        "lease": {"S": new_lease(ends_at=NOW, nonce="x")},
        "badBytes": {"S": "abc@7"},
        "history": {"S": '[[5,"web","status 500"]]'},
        "blobId": {"S": "b10b"},
        "contentType": {"S": "image/png"},
        "etag": {"S": '"v1"'},
        "lastModified": {"S": "Mon, 05 Oct 2026 07:28:00 GMT"},
    }
    numbers = [
        "queuedAt",
        "nextAttemptAt",
        "refreshRequestedAt",
        "checkedAt",
        "cachedAt",
        "failedAt",
        "lookedUpAt",
        "orphanedAt",
        "attempts",
        "failures",
        "fileSize",
    ]
    item |= {name: {"N": str(number)} for number, name in enumerate(numbers, start=1)}
    stack.dynamodb.put_item(TableName="CachedImagesTable", Item=item)
    assert stack.cached_images.record(KEY) == ImageRecord(
        image_key=KEY,
        status=ImageStatus.FAILED,
        source_url="mxc://beeper.com/ada",
        reason=FailureReason.UNDECODABLE,
        held_until=NOW,
        queued_at=1,
        next_attempt_at=2,
        refresh_requested_at=3,
        checked_at=4,
        cached_at=5,
        failed_at=6,
        looked_up_at=7,
        orphaned_at=8,
        attempts=9,
        failures=10,
        file_size=11,
        blob_id="b10b",
        content_type="image/png",
        validators=Validators('"v1"', "Mon, 05 Oct 2026 07:28:00 GMT"),
        bad_bytes=BadBytes("abc", 7),
        history=(OriginAnswer(5, "web", "status 500"),),
    )


def test_what_a_claim_wins_is_what_the_row_remembers(stack: Stack) -> None:
    answers = [OriginAnswer(NOW, "beeper", "9 bytes")]
    bad_bytes = BadBytes("abc", NOW)
    stack.claims.fail(
        stack.won(MESSAGE),
        Failure(FailureReason.UNDECODABLE, NOW, NOW, bad_bytes),
        answers=answers,
    )
    again = stack.won(MESSAGE)
    assert (again.failures, again.bad_bytes, again.history) == (1, bad_bytes, tuple(answers))
    stack.claims.commit(again, replace(BLOB, validators=Validators('"v1"')), now=NOW)
    stack.cached_images.revalidate(KEY, now=NOW + 1)
    refresh = stack.won(MESSAGE)
    assert (refresh.is_refresh, refresh.blob_id, refresh.validators) == (True, "b10b", Validators('"v1"'))
    assert (refresh.failures, refresh.bad_bytes) == (0, None)


def test_a_claimed_image_is_held_until_its_lease_ends(stack: Stack) -> None:
    assert isinstance(claim(stack), Won)
    assert claim(stack, "other") == Held(NOW + 90_000)


def test_a_lapsed_lease_is_taken_over_and_its_holder_can_record_nothing(stack: Stack) -> None:
    slow = stack.won(MESSAGE, nonce="slow")
    stack.now += 90_001
    fast = stack.won(MESSAGE, nonce="fast")
    with pytest.raises(LeaseLostError):
        stack.claims.commit(slow, BLOB, now=stack.now)
    with pytest.raises(LeaseLostError):
        stack.claims.fail(slow, Failure(FailureReason.GONE, stack.now, NEVER))
    stack.claims.commit(fast, BLOB, now=stack.now)
    assert stack.row(KEY)["status"] == "cached"


def test_every_claim_counts_as_an_attempt_until_an_outcome_is_recorded(stack: Stack) -> None:
    attempts = []
    for _ in range(3):
        attempts.append(stack.won(MESSAGE).attempts)
        stack.now += 90_001
    assert attempts == [1, 2, 3]
    stack.claims.fail(stack.won(MESSAGE), Failure(FailureReason.CRASHED, stack.now, stack.now))
    assert stack.won(MESSAGE).attempts == 1


def test_a_commit_leaves_what_a_page_needs_and_nothing_of_the_claim(stack: Stack) -> None:
    stack.cached_images.mark_queued(MESSAGE)
    stack.claims.commit(stack.won(MESSAGE), BLOB, now=NOW + 5)
    row = stack.row(KEY)
    assert {"lease", "attempts", "queuedAt", "nextAttemptAt", "reason", "failures"}.isdisjoint(row)
    assert row["cachedAt"] == str(NOW + 5)
    assert stack.cached_images.views([KEY, "beeper.com/unknown"]) == {
        KEY: ImageView(ImageStatus.CACHED, blob_id="b10b", width=640, height=480)
    }


def test_a_cached_image_remembers_no_failure(stack: Stack) -> None:
    stack.claims.fail(
        stack.won(MESSAGE),
        Failure(FailureReason.UNDECODABLE, NOW, NOW, BadBytes("abc", 1)),
    )
    assert {"reason", "failures", "nextAttemptAt", "badBytes"} <= set(stack.row(KEY))
    stack.claims.commit(stack.won(MESSAGE), BLOB, now=NOW)
    assert {"reason", "failures", "nextAttemptAt", "badBytes"}.isdisjoint(stack.row(KEY))


def test_only_a_failed_image_without_a_live_lease_is_made_due(stack: Stack) -> None:
    stack.claims.fail(stack.won(MESSAGE), Failure(FailureReason.GONE, NOW, NOW))
    claim(stack)
    stack.cached_images.revive(KEY, now=NOW + 1)
    assert stack.row(KEY)["nextAttemptAt"] == str(NOW)
    stack.now += 90_001
    stack.cached_images.revive(KEY, now=stack.now)
    assert stack.row(KEY)["nextAttemptAt"] == str(stack.now)


def test_the_view_of_a_failed_image_has_the_reason(stack: Stack) -> None:
    stack.claims.fail(stack.won(MESSAGE), Failure(FailureReason.GONE, NOW, NOW + DAY))
    assert stack.cached_images.views([KEY]) == {KEY: ImageView(ImageStatus.FAILED, reason="gone")}


def test_failures_in_a_row_are_counted(stack: Stack) -> None:
    for failures in range(3):
        won = stack.won(MESSAGE)
        assert won.failures == failures
        stack.claims.fail(won, Failure(FailureReason.GONE, NOW, NOW))


def test_key_material_is_never_stored_in_the_table(stack: Stack) -> None:
    stack.cached_images.mark_queued(MESSAGE)
    assert stack.row(KEY)["sourceUrl"] == "mxc://beeper.com/ada"
    claim(stack)
    assert stack.row(KEY)["sourceUrl"] == "mxc://beeper.com/ada"


def test_marking_as_queued_never_undoes_a_faster_worker(stack: Stack) -> None:
    stack.claims.commit(stack.won(MESSAGE), BLOB, now=NOW)
    stack.cached_images.mark_queued(MESSAGE)
    assert (stack.row(KEY)["status"], "queuedAt" in stack.row(KEY)) == ("cached", False)


def test_more_keys_than_one_call_takes_are_all_looked_up(stack: Stack) -> None:
    keys = [f"beeper.com/{number}" for number in range(250)]
    for key in keys[::10]:
        stack.cached_images.mark_queued(ImageMessage(key, f"mxc://{key}", NOW))
    assert stack.cached_images.records(keys).keys() == set(keys[::10])
