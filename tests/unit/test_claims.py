"""The table of answers to a claim, row by row: an image is downloaded at most once."""

import pytest

from imagecache.clock import DAY, HOUR
from imagecache.model.image import ImageRecord, ImageStatus
from imagecache.rules.retries import NEVER
from imagecache.stores.images.claims import Held, Settled, SettledReason, decide_claim
from imagecache.stores.images.row import lease_ends_at, new_lease

NOW = 1_800_000_000_000
LAPSED = NOW - 1
LIVE = NOW + 89_000
PENDING, CACHED, FAILED, FORGOTTEN = ImageStatus


def row(status: ImageStatus, **attributes: int) -> ImageRecord:
    return ImageRecord(image_key="s/ada", status=status, **attributes)  # type: ignore[arg-type] # numbers only


FREE = None
IS_CACHED = Settled(SettledReason.CACHED)
IS_FORGOTTEN = Settled(SettledReason.FORGOTTEN)
ROWS = [
    ("no row", None, FREE),
    ("pending without a lease", row(PENDING, queued_at=NOW), FREE),
    ("pending with a lapsed lease", row(PENDING, held_until=LAPSED), FREE),
    ("pending with a live lease", row(PENDING, held_until=LIVE), Held(LIVE)),
    ("pending, the lease ends now", row(PENDING, held_until=NOW), Held(NOW)),
    ("failed and due", row(FAILED, next_attempt_at=NOW), FREE),
    ("failed and due, worked on", row(FAILED, held_until=LIVE, next_attempt_at=NOW), Held(LIVE)),
    ("failed, not yet due", row(FAILED, next_attempt_at=NOW + 1), Settled(SettledReason.NOT_DUE)),
    ("failed for good", row(FAILED, next_attempt_at=NEVER), Settled(SettledReason.FAILED_FOR_GOOD)),
    ("cached", row(CACHED, checked_at=NOW - DAY), IS_CACHED),
    ("refresh requested", row(CACHED, checked_at=NOW - DAY, refresh_requested_at=NOW - HOUR), FREE),
    (
        "refresh requested, worked on",
        row(CACHED, held_until=LIVE, checked_at=NOW - DAY, refresh_requested_at=NOW - HOUR),
        Held(LIVE),
    ),
    ("refreshed", row(CACHED, checked_at=NOW, refresh_requested_at=NOW - HOUR), IS_CACHED),
    ("found unchanged", row(CACHED, checked_at=NOW), IS_CACHED),
    ("forgotten", row(FORGOTTEN), IS_FORGOTTEN),
    ("forgotten while worked on", row(FORGOTTEN, held_until=LIVE), IS_FORGOTTEN),
]


@pytest.mark.parametrize(("record", "refusal"), [case[1:] for case in ROWS], ids=[case[0] for case in ROWS])
def test_a_claim_is_decided_as_the_table_says(
    record: ImageRecord | None, refusal: Held | Settled | None
) -> None:
    assert decide_claim(record, NOW) == refusal


def test_a_lease_says_when_it_ends_and_sorts_by_that() -> None:
    early, late = new_lease(ends_at=NOW, nonce="z"), new_lease(ends_at=NOW + 1, nonce="a")
    assert [lease_ends_at(lease) for lease in (early, late)] == [NOW, NOW + 1]
    assert early < late
