"""`make bench [ONLY=name]` runs the benchmarks, and writes their figures into the documents.

It prints a table of all targets: the figure, the same figure as the reference machine would have measured it,
and a verdict.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace

from benchmarks import cache_images, cold_start, cost, documents, origin_hits, read_page, start, sweep, sync
from benchmarks.machine import slowness, this_machine
from benchmarks.results import Result, Verdict

_BENCHMARKS: dict[str, Callable[[], Result]] = {
    "cacheImages": cache_images.run,
    "stampede": origin_hits.stampede,
    "negativeCache": origin_hits.negative_cache,
    "hostile": origin_hits.hostile,
    "coldStart": cold_start.run,
    "readPage": read_page.run,
    "cost": cost.run,
    "sync": sync.run,
    "sweep": sweep.run,
    "start": start.run,
}


def main(names: list[str]) -> None:
    """Runs the named benchmarks, or all. The figures of the others are kept as they are."""
    if unknown_names := set(names) - set(_BENCHMARKS):
        sys.exit(f"no benchmark {', '.join(sorted(unknown_names))}: there are {', '.join(_BENCHMARKS)}")
    machine = this_machine()
    recorded = json.loads(documents.RESULTS.read_text()) if documents.RESULTS.exists() else {}
    for name in names or _BENCHMARKS:
        slowness_before = slowness()
        result = _BENCHMARKS[name]()
        machine = replace(machine, slowness=round((slowness_before + slowness()) / 2, 2))
        recorded[name] = {"machine": asdict(machine), **result.as_json(machine.slowness)}
        # Each result is written at once, so that a later failure does not lose it.
        documents.RESULTS.parent.mkdir(exist_ok=True)
        documents.RESULTS.write_text(json.dumps(recorded, indent=2) + "\n")
        sys.stdout.write(f"{name}\n{_table(result, machine.slowness)}")
    documents.write()


def _table(result: Result, slowness: float) -> str:
    rows = []
    for target in result.targets:
        verdict = target.verdict(slowness)
        scaled = f" ({target.scaled(slowness):.3g} scaled)" if verdict is not Verdict.MET else ""
        figures = f"{target.measured:.3g}{scaled} of {target.limit:.3g} {target.unit}"
        rows.append(f"  {verdict.value:12} {target.what}: {figures}\n")
    return "".join(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
