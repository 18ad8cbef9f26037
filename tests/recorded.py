"""Answers of Beeper's client API in the shapes that were recorded, with made-up people."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "fixtures" / "beeper"


def recorded(name: str) -> Any:
    """The JSON document of that name."""
    return json.loads((FOLDER / f"{name}.json").read_text())
