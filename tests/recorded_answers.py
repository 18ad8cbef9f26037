"""Recorded answers of Beeper's client API, with made-up people."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "fixtures" / "beeper"


def recorded(name: str) -> Any:
    """Returns the JSON document with this name."""
    return json.loads((FOLDER / f"{name}.json").read_text())
