"""What hostile origins and images cost in memory, each kind measured on its own in a fresh process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from local.template import ROOT

MB = 1024  # in KB, as Linux counts


@pytest.fixture(scope="module")
def grown() -> dict[str, int]:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("the peak of a process is read from Linux's /proc")
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.hostile.memory",
    ]  # Pillow warns of what it repairs
    ended = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own code
    told: dict[str, int] = json.loads(ended.stdout)
    return told


def test_hostile_bodies_cost_a_small_multiple_of_the_cap(grown: dict[str, int]) -> None:
    """Endless, of whatever length they claim, chunked or in their headers: 8 MB, at times 13."""
    assert grown["bodies"] <= 20 * MB


def test_malformed_images_cost_next_to_nothing(grown: dict[str, int]) -> None:
    assert grown["malformed"] <= 4 * MB


def test_the_largest_image_that_is_decoded_is_in_memory_once(grown: dict[str, int]) -> None:
    """40 megapixels of four bytes: the one exception, and one at a time."""
    assert grown["large"] <= 176 * MB
