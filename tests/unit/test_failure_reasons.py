"""The table of failure reasons: each reason has a row, and its policy can be used."""

from imagecache.model.image import FailureReason, RejectionReason
from imagecache.rules.failure_reasons import FAILURES, REJECTIONS


def test_every_reason_has_a_row() -> None:
    assert FAILURES.keys() == set(FailureReason)
    assert REJECTIONS.keys() == set(RejectionReason)


def test_texts_complete_a_sentence_and_advice_is_one() -> None:
    texts = [*REJECTIONS.values(), *(meaning.text for meaning in FAILURES.values())]
    assert [text for text in texts if text.endswith(".")] == []
    advice = [meaning.advice for meaning in FAILURES.values()]
    assert [sentence for sentence in advice if not (sentence[0].isupper() and sentence.endswith("."))] == []


def test_waits_grow_from_the_first_to_the_longest() -> None:
    policies = [meaning.retry for meaning in FAILURES.values() if meaning.retry]
    assert len(policies) >= 3
    assert all(0 < policy.first_wait_ms <= policy.longest_wait_ms for policy in policies)
