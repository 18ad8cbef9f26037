"""A set of many texts in little memory."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable


class KeySet:
    """Tells whether a text was added. Needs 8 bytes for each text, instead of about 150 as a set does.

    It keeps the hashes of the texts. So it may contain a text that was not added: among a million texts, one
    look-up in 10^13. It must be used only where that does no harm, for example to keep what is in it.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._hashes = array("q", map(hash, texts))
        self._is_sorted = False

    def add(self, text: str) -> None:
        """Adds a text."""
        self._hashes.append(hash(text))
        self._is_sorted = False

    def __contains__(self, text: str) -> bool:
        if not self._is_sorted:
            self._hashes = array("q", sorted(self._hashes))
            self._is_sorted = True
        key = hash(text)
        place = bisect_left(self._hashes, key)
        return place < len(self._hashes) and self._hashes[place] == key
