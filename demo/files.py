"""Answers requests for a file like Beeper: whole or in part, only if it has changed, or only its headers."""

import hashlib
import re

from demo.listener import Reply, Request

# Clients ask for one range: `bytes=0-99`, `bytes=100-` or `bytes=-100`. Other ranges are ignored.
ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def file_reply(request: Request, content: bytes) -> Reply:
    """Returns the reply to a GET or HEAD request, like the real server without a Content-Type."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": "private, max-age=3600"}
    if tag in request.headers.get("If-None-Match", ""):
        return Reply(304, headers=headers)
    wanted = ONE_RANGE.fullmatch(request.headers.get("Range", ""))
    if wanted is None or wanted.groups() == ("", ""):
        return Reply(200, content, headers)
    first, last = _bounds(wanted.group(1), wanted.group(2), len(content))
    if first > last:
        return Reply(416, headers={**headers, "Content-Range": f"bytes */{len(content)}"})
    part_headers = {**headers, "Content-Range": f"bytes {first}-{last}/{len(content)}"}
    return Reply(206, content[first : last + 1], part_headers)


def _bounds(start: str, end: str, size: int) -> tuple[int, int]:
    """Returns the first and the last byte of a range. If it is not in the file, the first is greater."""
    if not start:  # the last bytes of the file
        return max(0, size - int(end)), size - 1
    return int(start), min(int(end), size - 1) if end else size - 1
