"""Keeps answers below the 6 MB that Lambda may return: API Gateway would answer 500 instead of a larger one.

Lambda sends the API's JSON as a text within JSON of its own, so the size of the JSON of the JSON counts.
"""

import json
from collections.abc import Sequence

# The limit is 6,291,556 bytes, headers included.
MOST_ANSWER_BYTES = 6_000_000
# Of the rows of one page. What gzip cannot shorten grows by a third, because it is sent in base64.
_MOST_PAGE_BYTES = 4_000_000


def sent_bytes(body: str) -> int:
    """Returns how many bytes the body of an answer takes in Lambda's JSON."""
    return len(json.dumps(body, ensure_ascii=False).encode())


def rows_that_fit(rows: Sequence[object]) -> int:
    """Returns how many of a page's first rows one answer may have: at least one of them, if there are any."""
    total = 0
    for count, row in enumerate(rows):
        total += sent_bytes(json.dumps(row, ensure_ascii=False))
        if total > _MOST_PAGE_BYTES and count:
            return count
    return len(rows)
