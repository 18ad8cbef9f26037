"""cachedImages: what the conditional writes let through."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagecache.clock import DAY, HOUR
from imagecache.errors import LeaseLostError
from imagecache.model.image import Blob, FailureReason, ImageMessage, ImageStatus, ImageView
from imagecache.rules.retries import NEVER
from imagecache.stores.images.claims import Answer, Claim, answer_to_claim, new_lease
from imagecache.stores.images.row import RowState
from tests.integration.conftest import NOW, Stack

KEY = "beeper.com/ada"
REQUEST = ImageMessage(KEY, "mxc://beeper.com/ada?encryptedFileInfoJSON=secret", NOW)
BLOB = Blob(blob_id="b10b", content_type="image/png", file_size=1000, width=640, height=480)

MOMENTS = st.sampled_from([0, NOW - DAY, NOW - 1, NOW, NOW + 1, NEVER])
LEASES = st.sampled_from([None, *(new_lease(now=NOW + ms, seconds=0, nonce="x") for ms in (-HOUR, -1, 0, 1))])
ROWS = st.none() | st.builds(
    RowState,
    status=st.sampled_from(ImageStatus),
    lease=LEASES,
    next_attempt_at=MOMENTS,
    checked_at=MOMENTS,
    refresh_requested_at=MOMENTS,
)


def claim(stack: Stack, nonce: str = "mine") -> Claim:
    return stack.claims.claim(REQUEST, now=stack.now, lease_seconds=90, nonce=nonce)


def store(stack: Stack, row: RowState | None) -> None:
    stack.dynamodb.delete_item(TableName="CachedImagesTable", Key={"imageKey": {"S": KEY}})
    if row is None:
        return
    item: dict[str, Any] = {"imageKey": {"S": KEY}, "status": {"S": row.status.value}}
    item |= {"lease": {"S": row.lease}} if row.lease else {}
    for name, moment in (
        ("nextAttemptAt", row.next_attempt_at),
        ("checkedAt", row.checked_at),
        ("refreshRequestedAt", row.refresh_requested_at),
    ):
        item[name] = {"N": str(moment)}
    stack.dynamodb.put_item(TableName="CachedImagesTable", Item=item)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=150)
@given(row=ROWS)
def test_the_conditional_write_and_the_rules_agree_on_every_row(stack: Stack, row: RowState | None) -> None:
    store(stack, row)
    assert claim(stack).answer is answer_to_claim(row, NOW)


def test_a_claimed_image_is_held_until_its_lease_ends(stack: Stack) -> None:
    assert claim(stack).answer is Answer.WON
    second = claim(stack, "other")
    assert (second.answer, second.held_until) == (Answer.HELD, NOW + 90_000)


def test_a_lapsed_lease_is_taken_over_and_its_holder_can_record_nothing(stack: Stack) -> None:
    slow = claim(stack, "slow")
    stack.now += 90_001
    fast = claim(stack, "fast")
    assert fast.answer is Answer.WON
    with pytest.raises(LeaseLostError):
        stack.claims.commit(slow, BLOB, now=stack.now)
    with pytest.raises(LeaseLostError):
        stack.claims.fail(slow, FailureReason.GONE, now=stack.now, next_attempt_at=NEVER)
    stack.claims.commit(fast, BLOB, now=stack.now)
    assert stack.row(KEY)["status"] == "cached"


def test_every_claim_counts_as_an_attempt_until_an_outcome_is_recorded(stack: Stack) -> None:
    attempts = []
    for _ in range(3):
        attempts.append(claim(stack).attempts)
        stack.now += 90_001
    assert attempts == [1, 2, 3]
    stack.claims.fail(claim(stack), FailureReason.CRASHED, now=stack.now, next_attempt_at=stack.now)
    assert claim(stack).attempts == 1


def test_a_commit_leaves_what_a_page_needs_and_nothing_of_the_work(stack: Stack) -> None:
    stack.cached_images.mark_queued(REQUEST)
    stack.claims.commit(claim(stack), BLOB, now=NOW + 5)
    row = stack.row(KEY)
    assert {"lease", "attempts", "queuedAt", "nextAttemptAt", "reason", "failures"}.isdisjoint(row)
    assert row["cachedAt"] == str(NOW + 5)
    assert stack.cached_images.views([KEY, "beeper.com/unknown"]) == {
        KEY: ImageView(ImageStatus.CACHED, blob_id="b10b", width=640, height=480)
    }


def test_an_image_that_is_cached_at_last_remembers_no_failure(stack: Stack) -> None:
    stack.claims.fail(
        claim(stack), FailureReason.UNDECODABLE, now=NOW, next_attempt_at=NOW, bad_bytes="abc@1"
    )
    assert {"reason", "failures", "nextAttemptAt", "badBytes"} <= set(stack.row(KEY))
    stack.claims.commit(claim(stack), BLOB, now=NOW)
    assert {"reason", "failures", "nextAttemptAt", "badBytes"}.isdisjoint(stack.row(KEY))


def test_only_a_failed_image_that_nobody_works_on_is_made_due(stack: Stack) -> None:
    stack.claims.fail(claim(stack), FailureReason.GONE, now=NOW, next_attempt_at=NOW)
    claim(stack)
    stack.cached_images.revive(KEY, now=NOW + 1)
    assert stack.row(KEY)["nextAttemptAt"] == str(NOW)
    stack.now += 90_001
    stack.cached_images.revive(KEY, now=stack.now)
    assert stack.row(KEY)["nextAttemptAt"] == str(stack.now)


def test_a_failed_image_says_why(stack: Stack) -> None:
    stack.claims.fail(claim(stack), FailureReason.GONE, now=NOW, next_attempt_at=NOW + DAY)
    assert stack.cached_images.views([KEY]) == {KEY: ImageView(ImageStatus.FAILED, reason="gone")}


def test_failures_in_a_row_are_counted(stack: Stack) -> None:
    for failures in range(3):
        won = claim(stack)
        assert won.failures == failures
        stack.claims.fail(won, FailureReason.GONE, now=NOW, next_attempt_at=NOW)


def test_key_material_never_rests_in_the_table(stack: Stack) -> None:
    stack.cached_images.mark_queued(REQUEST)
    assert stack.row(KEY)["sourceUrl"] == "mxc://beeper.com/ada"
    claim(stack)
    assert stack.row(KEY)["sourceUrl"] == "mxc://beeper.com/ada"


def test_marking_as_queued_never_undoes_a_faster_worker(stack: Stack) -> None:
    stack.claims.commit(claim(stack), BLOB, now=NOW)
    stack.cached_images.mark_queued(REQUEST)
    assert (stack.row(KEY)["status"], "queuedAt" in stack.row(KEY)) == ("cached", False)


def test_more_keys_than_one_call_takes_are_looked_up_in_one_wave(stack: Stack) -> None:
    keys = [f"beeper.com/{number}" for number in range(250)]
    for key in keys[::2]:
        stack.cached_images.mark_queued(ImageMessage(key, f"mxc://{key}", NOW))
    assert stack.cached_images.states(keys).keys() == set(keys[::2])
