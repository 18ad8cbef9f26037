"""`make bench [ONLY=name]` runs the benchmarks and writes their figures into results/latest.json."""

import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import cold_run, cost, sweep, sync

_BENCHMARKS: dict[str, Callable[[], dict[str, Any]]] = {
    "coldRun": cold_run.run,
    "cost": cost.run,
    "sync": sync.run,
    "sweep": sweep.run,
}
_RESULTS = Path(__file__).parent / "results" / "latest.json"


def main(names: list[str]) -> None:
    """Runs the named benchmarks, or all. The figures of the others are kept as they are."""
    if unknown_names := set(names) - set(_BENCHMARKS):
        sys.exit(f"no benchmark {', '.join(sorted(unknown_names))}: there are {', '.join(_BENCHMARKS)}")
    results = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {}
    for name in names or _BENCHMARKS:
        results[name] = {"python": platform.python_version(), **_BENCHMARKS[name]()}
        sys.stdout.write(f"{name}: {json.dumps(results[name], indent=2)}\n")
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
