"""The deletion brake: deleting unusually much at once is more likely a mistake than what really happened.

A list that was cut short, another account, or a table that could not be read looks just like many deletions.
"""


def is_too_much(count: int, *, of: int, more_than: int, share: float) -> bool:
    """Returns True if deleting `count` things `of` so many needs a person's consent.

    Both limits must be exceeded. `more_than` alone would stop the daily business of a large account, and
    `share` (0.2 for 20 %) alone that of a small one.
    """
    return count > more_than and count > share * of
