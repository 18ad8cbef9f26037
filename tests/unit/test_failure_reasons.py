"""The table of failure reasons: each reason has a row, also in the README, and its policy can be used."""

import re
from pathlib import Path

from imagecache.model.image import FailureReason, RejectionReason
from imagecache.rules.failure_reasons import FAILURES, REJECTIONS
from imagecache.usecases.caching.cache_image import MAX_SHARED_ATTEMPTS
from imagecache_cli import explanations

README = (Path(__file__).parents[2] / "README.md").read_text()


def readme_rows() -> dict[str, str]:
    """Returns the rows of the README's table "Why a picture is missing" by the reasons that they name."""
    table = README.partition("### Why a picture is missing\n")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `") and "| `reason`" not in line]
    return {reason: row for row in rows for reason in re.findall(r"`(\w+)`", row.split(" | ")[0])}


def test_every_reason_has_a_row() -> None:
    assert FAILURES.keys() == set(FailureReason)
    assert REJECTIONS.keys() == set(RejectionReason)


def test_every_reason_is_explained_in_the_readme_and_no_other() -> None:
    assert readme_rows().keys() == {*FailureReason, *RejectionReason}


def test_the_readme_says_which_reasons_are_final() -> None:
    rows = readme_rows()
    final = {reason for reason, meaning in FAILURES.items() if meaning.retry is None}
    assert final == {reason for reason in FailureReason if rows[reason].endswith("| no |")}


def test_every_text_on_crashes_has_the_number_of_attempts_that_may_end_without_a_result() -> None:
    texts = (
        FAILURES[FailureReason.CRASHED].text,
        explanations.FAILURES["crashed"].text,
        readme_rows()["crashed"],
    )
    assert MAX_SHARED_ATTEMPTS + 1 == 3, "the last attempt is made alone"
    assert [text for text in texts if "three attempts ended without a result" not in text] == []


def test_texts_complete_a_sentence_and_advice_is_one() -> None:
    texts = [*REJECTIONS.values(), *(meaning.text for meaning in FAILURES.values())]
    assert [text for text in texts if text.endswith(".")] == []
    advice = [meaning.advice for meaning in FAILURES.values()]
    assert [sentence for sentence in advice if not (sentence[0].isupper() and sentence.endswith("."))] == []


def test_waits_grow_from_the_first_to_the_longest() -> None:
    policies = [meaning.retry for meaning in FAILURES.values() if meaning.retry]
    assert len(policies) >= 3
    assert all(policy.waits[0] > 0 and list(policy.waits) == sorted(policy.waits) for policy in policies)
