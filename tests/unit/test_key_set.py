"""A KeySet contains what was added."""

from imagecache.key_set import KeySet


def test_a_key_set_contains_what_was_added_before_and_after_a_look_up() -> None:
    keys = KeySet(str(number) for number in range(1_000))
    assert "999" in keys
    assert "1000" not in keys
    keys.add("1000")
    assert all(str(number) in keys for number in range(1_001))
    assert not any(str(number) in keys for number in range(1_001, 3_000))
