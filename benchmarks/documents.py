"""Writes the figures of results/latest.json into README.md, docs/performance.md and docs/costs.md.

Each of these files has blocks between `<!-- bench: NAME -->` and `<!-- end -->`, which are replaced. The rest
of the text is written by hand.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import cost
from benchmarks.prices import PRICES

_ROOT = Path(__file__).parent.parent
RESULTS = _ROOT / "benchmarks" / "results" / "latest.json"
DOCUMENTS = (_ROOT / "README.md", _ROOT / "docs" / "performance.md", _ROOT / "docs" / "costs.md")

Results = Mapping[str, Any]
"""The content of results/latest.json: figures by the names of benchmarks."""

_BLOCK = re.compile(r"<!-- bench: (\S+) -->\n.*?<!-- end -->", re.DOTALL)


def write() -> None:
    """Replaces the blocks of all documents."""
    results = json.loads(RESULTS.read_text())
    for path in DOCUMENTS:
        path.write_text(rendered(path.read_text(), results))


def rendered(text: str, results: Results) -> str:
    """Returns the text with the blocks of these results. Raises KeyError for a block without a writer."""

    def block(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- bench: {name} -->\n{_BLOCKS[name](results)}\n<!-- end -->"

    return _BLOCK.sub(block, text)


def _targets(results: Results) -> str:
    rows = [
        [
            target["what"],
            f"{_number(target['limit'])} {target['unit']}",
            _number(target["measured"]),
            _number(target["scaled"]) if target["takes_time"] else "",
            target["verdict"],
        ]
        for figures in results.values()
        for target in figures.get("targets", ())
    ]
    return _table(["what", "target, at most", "measured here", "scaled", "verdict"], rows)


def _machine(results: Results) -> str:
    rows = [
        [
            name,
            figures["machine"]["python"],
            str(figures["machine"]["processors"]),
            _number(figures["machine"]["slowness"]),
        ]
        for name, figures in results.items()
        if "machine" in figures
    ]
    return _table(["benchmark", "Python", "processors", "slowness"], rows)


def _month(results: Results) -> str:
    return cost.table(results["cost"]["once"])


def _months(results: Results) -> str:
    dollars = results["cost"]["dollars"]
    rows = []
    for key, month in (
        ("onePerson", cost.ONE_PERSON),
        ("hundredPeople", cost.HUNDRED_PEOPLE),
        ("eachOfAMillion", cost.MILLION_PEOPLE),
    ):
        found = dollars[key]
        original = f"${found['original']:.2f}" if "original" in found else ""
        rows.append([month.what, f"${found['full']:.4f}", f"${found['afterAllowances']:.4f}", original])
    return _table(["a month of", "full", "after allowances", "the original's own figure"], rows)


def _hundred_people(results: Results) -> str:
    return cost.table(results["cost"]["onceSmall"], cost.HUNDRED_PEOPLE)


def _units(results: Results) -> str:
    once = results["cost"]["once"]
    names = sorted({unit for units in once.values() for unit in units})
    rows = [[thing, *(_number(units.get(name, 0)) for name in names)] for thing, units in once.items()]
    return _table(["", *names], rows)


def _read_page(results: Results) -> str:
    figures = results["readPage"]
    by_images = figures["0 ms a call"]
    rows = [
        [way, *(_number(times[way]["cpuMilliseconds"]) for times in by_images.values())]
        for way in next(iter(by_images.values()))
    ]
    slow = figures["4 ms a call"]
    rows += [
        [
            f"{way}, wall ms at 4 ms a call",
            *(_number(times[way]["wallMilliseconds"]) for times in slow.values()),
        ]
        for way in next(iter(slow.values()))
    ]
    sizes = figures["bytes"].values()
    rows += [
        [f"bytes of ours, {form}", *(_number(size[form]) for size in sizes)] for form in ("plain", "gzip")
    ]
    return _table(["CPU ms, if nothing else is said", *(f"{images} images" for images in by_images)], rows)


def _caching(results: Results) -> str:
    figures = results["cacheImages"]
    rows = []
    for title, way in (
        ("one after the other", "sequential"),
        ("batches of 10, as the original", "batchesOf10"),
        ("ours, 10 at a time", "ours"),
        ("thumbor, 10 at a time", "thumbor"),
        ("ours, 60 at a time", "ours60InFlight"),
        ("thumbor, 60 at a time", "thumbor60InFlight"),
    ):
        costs = [figures[delay].get(way) for delay in ("50ms", "200ms", "2000ms")]
        seconds = [_number(cost["seconds"]) if cost else "" for cost in costs]
        rows.append([title, *seconds, _number(next(filter(None, costs))["cpuMillisecondsPerImage"])])
    return _table(["100 new pictures", "50 ms: s", "200 ms: s", "2 s: s", "CPU of a picture, ms"], rows)


def _hostile(results: Results) -> str:
    ours, theirs = (results["hostile"][who] for who in ("ours", "thumbor"))
    rows = [
        [f"requests to the origin: {what}", *(str(results[name][who]["hits"]) for who in ("ours", "thumbor"))]
        for what, name in (
            ("50 clients want one new picture", "stampede"),
            ("a 404 is asked for 20 times", "negativeCache"),
        )
    ]
    rows.append(
        ["internal servers reached by a redirect", *(str(who["internalHits"]) for who in (ours, theirs))]
    )
    for what, kind in (("200 MB without length", "endless"), ("one byte a second", "oneByteASecond")):
        for title, figure in (
            ("seconds", "seconds"),
            ("bytes that the origin has sent", "bytesSent"),
            ("growth of memory, MiB", "grownMebibytes"),
        ):
            rows.append([f"{what}: {title}", *(_number(who[kind][figure]) for who in (ours, theirs))])
    return _table(["", "ours", "thumbor"], rows)


def _prices(_results: Results) -> str:
    rows = [
        [name, f"${price.dollars:.10g}", _number(price.free), price.source, str(price.date)]
        for name, price in PRICES.items()
    ]
    return _table(["unit", "price", "free each month", "source", "as of"], rows)


_BLOCKS: Mapping[str, Callable[[Results], str]] = {
    "targets": _targets,
    "machine": _machine,
    "month": _month,
    "months": _months,
    "hundred-people": _hundred_people,
    "units": _units,
    "read-page": _read_page,
    "prices": _prices,
    "caching": _caching,
    "hostile": _hostile,
}


def _table(titles: list[str], rows: list[list[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float) -> str:
    """Returns three significant digits, without an exponent."""
    if value and abs(value) < 100:
        return f"{float(f'{value:.3g}'):g}"
    return f"{value:,.0f}"


if __name__ == "__main__":
    write()
