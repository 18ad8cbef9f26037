"""`make bench [ONLY=name]`: every benchmark, its figures printed and kept in results/latest.json."""

import json
import platform
import sys
from pathlib import Path

from benchmarks import cold_run, sweep, sync

_ALL = {"coldRun": cold_run.run, "sync": sync.run, "sweep": sweep.run}
_RESULTS = Path(__file__).parent / "results" / "latest.json"


def main(names: list[str]) -> None:
    """Figures of benchmarks that were not asked for are kept as they were."""
    if unknown := set(names) - set(_ALL):
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(_ALL)}")
    results = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {}
    for name in names or _ALL:
        results[name] = {"python": platform.python_version(), **_ALL[name]()}
        sys.stdout.write(f"{name}: {json.dumps(results[name], indent=2)}\n")
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
