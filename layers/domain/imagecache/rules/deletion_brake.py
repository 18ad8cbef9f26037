"""The brake on deletions: how many at once look like a mistake rather than like a change."""


def is_too_much(count: int, *, of: int, more_than: int, share: float) -> bool:
    """Returns True if deleting `count` of `of` things needs a person's consent.

    That is the case if they are more than `more_than` and more than this share (0 to 1) of all.
    """
    return count > more_than and count > of * share
