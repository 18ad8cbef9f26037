"""Every code that the API has is explained: the two share no code, so a test compares them."""

import pytest

from imagecache.model.image import FailureReason, RejectionReason
from imagecache.usecases.sync.sync_run import SyncOutcome
from imagecache.usecases.upkeep.sweep_cache import Refusal
from imagecache_cli.answers import Job
from imagecache_cli.explanations import (
    FAILURES,
    WITHOUT_AGENT,
    explain_failure,
    explain_refusal,
    explain_sync,
)


def test_every_reason_of_a_failure_is_explained_and_no_other() -> None:
    reasons = {*map(str, FailureReason), *map(str, RejectionReason)}

    assert FAILURES.keys() == reasons
    assert all(explanation.text and explanation.advice for explanation in FAILURES.values())


def test_every_reason_to_delete_nothing_is_explained() -> None:
    assert all(explain_refusal(code, WITHOUT_AGENT).advice for code in Refusal)


@pytest.mark.parametrize("outcome", [outcome for outcome in SyncOutcome if outcome is not SyncOutcome.OK])
def test_every_end_of_a_sync_but_the_good_one_has_advice(outcome: SyncOutcome) -> None:
    assert explain_sync(Job("job-1", "sync", "done", {}, {"outcome": outcome.value}), WITHOUT_AGENT).advice


def test_a_reason_of_a_newer_api_is_shown_as_it_is() -> None:
    assert explain_failure("brand_new").sentence == "brand_new: `imagecache explain URL` says more"
