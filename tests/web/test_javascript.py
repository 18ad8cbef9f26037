"""Runs the unit tests of the page's JavaScript in Node's test runner."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

OLDEST_NODE = (20, 4)  # The first version whose test runner has a clock that tests can move.
TIMEOUT_SECONDS = 120


def test_the_unit_tests_of_the_javascript_pass() -> None:
    node = _find_node()
    if node is None:
        pytest.skip("Node.js 20.4 or newer is not installed: the JavaScript unit tests need it")
    files = sorted(Path(__file__).parent.glob("*.test.js"))
    assert files
    result = subprocess.run(  # noqa: S603 - Node, with files of this folder
        [node, "--test", "--test-reporter=spec", *files],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if result.returncode:
        pytest.fail(f"node --test failed:\n{result.stdout}{result.stderr}", pytrace=False)


def _find_node() -> str | None:
    """Returns the path of Node, or None if there is none or it is too old."""
    node = shutil.which("node")
    if node is None:
        return None
    version = subprocess.run(  # noqa: S603 - Node, with a fixed argument
        [node, "--version"], capture_output=True, text=True, timeout=30, check=True
    )
    numbers = re.match(r"v(\d+)\.(\d+)", version.stdout)
    is_new_enough = numbers is not None and (int(numbers[1]), int(numbers[2])) >= OLDEST_NODE
    return node if is_new_enough else None
