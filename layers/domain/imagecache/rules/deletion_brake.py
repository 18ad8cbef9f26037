"""The deletion brake: it prevents unusually many deletions at once, because they are probably a mistake.

If a list is incomplete or comes from another account, everything that it lacks seems to have been deleted.
"""


def is_too_much(count: int, *, of: int, more_than: int, share: float) -> bool:
    """Returns True if deleting `count` of `of` rows needs a person's consent.

    That is so if `count` exceeds both limits: the number `more_than`, and the share `share` of `of` (0.2 for
    20 %). The number alone would prevent ordinary deletions in a large account, the share alone in a small
    one.
    """
    return count > more_than and count > share * of
