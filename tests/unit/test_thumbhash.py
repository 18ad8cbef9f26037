"""ThumbHashes are those that another implementation (thumbhash-python 1.0.1) computes of the same pixels."""

import pytest

from imagecache.imaging.thumbhash import thumbhash

RED = bytes([255, 0, 0, 255])
WIDE = b"".join(bytes([x * 30, y * 60, 128, 255]) for y in range(4) for x in range(8))
VEIL = b"".join(bytes([x * 60, 10, y * 30, x * 80]) for y in range(8) for x in range(4))


@pytest.mark.parametrize(
    ("width", "height", "rgba", "expected"),
    [
        (1, 1, RED, "d5fb2b077f08f708888788708f7088f80888808008088800"),
        (8, 4, WIDE, "1b170a3498708777708878878887808007f788"),
        (4, 8, VEIL, "150787320647c4b0787888a64f288f7770778888878887"),
    ],
    ids=["one pixel", "landscape", "translucent"],
)
def test_pixels_have_their_published_hash(width: int, height: int, rgba: bytes, expected: str) -> None:
    """Each coefficient may differ by one step, because sums in another order are rounded differently."""
    found = thumbhash(width, height, rgba).hex()
    assert len(found) == len(expected)
    assert all(abs(int(a, 16) - int(b, 16)) <= 1 for a, b in zip(found, expected, strict=True))


def test_what_cannot_be_seen_has_a_hash_too() -> None:
    assert len(thumbhash(3, 3, bytes(36))) > 5
