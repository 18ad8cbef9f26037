"""Writes the agent's log: one JSON object a line on stderr, which the service keeps in its file."""

import json
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any


class Log:
    """Writes lines without tokens, URLs and names, because the fields of the use cases contain none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def line(self, message: str, fields: Mapping[str, Any]) -> None:
        """Writes a line with this message and these fields.

        A line that cannot be written, for example because the disk is full, is lost without an error.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        text = json.dumps({"time": now, "message": message, **fields})
        with self._lock, suppress(OSError):
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - the log
