"""Describes the machine that measures, and estimates how much slower it is than the reference machine.

The targets in seconds were set on a machine on which the imports in `_REFERENCE_MS` took that much CPU time.
"""

import os
import platform
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from benchmarks.processes import measured

# Milliseconds of CPU time to import the module, beyond those of a process without imports.
_REFERENCE_MS = {"http.client": 23, "requests": 82, "botocore.session": 112}
_ROUNDS = 5
_PACKAGES = ("boto3", "botocore", "pynamodb", "pillow", "orjson", "ministack", "aws-lambda-powertools")


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and its versions. `slowness` is 2 if it takes twice the reference machine's CPU time."""

    slowness: float
    python: str
    processors: int
    system: str
    versions: dict[str, str]


@cache
def this_machine() -> Machine:
    """Measures this machine once, in about ten seconds."""
    return Machine(
        slowness=round(slowness(), 2),
        python=platform.python_version(),
        processors=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}",
        versions=_versions(),
    )


def slowness() -> float:
    """Returns how much more CPU time than the reference machine this machine needs now.

    A shared machine may need twice as much a minute later.
    """
    costs: dict[str, list[float]] = {name: [] for name in ("sys", *_REFERENCE_MS)}
    for _ in range(_ROUNDS):
        for name, seconds in costs.items():
            seconds.append(measured([sys.executable, "-c", f"import {name}"]).cpu_seconds)
    bare = min(costs["sys"])
    # The smallest ratio is used, so that scaled figures are too high rather than too low.
    return min((min(costs[name]) - bare) * 1000 / reference for name, reference in _REFERENCE_MS.items())


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except ModuleNotFoundError:
            continue
    return found
