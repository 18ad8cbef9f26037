"""What the documents name is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_test_that_a_document_names_exists() -> None:
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^ *def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    named = {
        name
        for path in (ROOT / "docs").glob("*.md")
        for name in re.findall(r"`(test_\w+)`", path.read_text())
    }
    assert len(named) >= 15
    assert named - defined == set()
