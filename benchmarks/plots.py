"""Draws the plots of docs/performance.md and docs/costs.md from results/latest.json, as SVG files.

This runs in an environment of its own, which has matplotlib and nothing of this project.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

_ROOT = Path(__file__).parent.parent
_RESULTS = _ROOT / "benchmarks" / "results" / "latest.json"
_IMAGES = _ROOT / "docs" / "images"

Results = Mapping[str, Any]
"""The content of results/latest.json: figures by the names of benchmarks."""


def main() -> None:
    """Draws every plot whose benchmark has been recorded."""
    # Without a fixed salt, every file would differ from the one before.
    mpl.rcParams.update({"svg.hashsalt": "chat-image-cache", "svg.fonttype": "none"})
    results = json.loads(_RESULTS.read_text())
    for name, (benchmark, draw) in _PLOTS.items():
        if benchmark in results:
            figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
            draw(axes, results[benchmark])
            axes.grid(visible=True, alpha=0.3)
            axes.legend()
            figure.savefig(_IMAGES / f"{name}.svg", metadata={"Date": None})
            plt.close(figure)


def _page(axes: Axes, figures: Results) -> None:
    by_images = figures["0 ms a call"]
    images = [int(count) for count in by_images]
    for competitor in next(iter(by_images.values())):
        times = [by_images[str(count)][competitor]["cpuMilliseconds"] for count in images]
        axes.plot(images, times, marker="o", label=competitor)
    axes.set_yscale("log")
    axes.set_title("CPU time of a page of 50 chats with 20 members each")
    axes.set_xlabel("distinct images on the page")
    axes.set_ylabel("CPU ms, on this machine")


def _cost(axes: Axes, figures: Results) -> None:
    points = figures["dollarsByPeople"]
    people = [point["people"] for point in points]
    axes.plot(people, [point["full"] for point in points], marker="o", label="full price")
    axes.plot(
        people, [point["afterAllowances"] for point in points], marker="o", label="after the allowances"
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title("A month of many people in one deployment")
    axes.set_xlabel("people, with 100 pictures and 1,000 loads a day each")
    axes.set_ylabel("US dollars")


def _sweep(axes: Axes, figures: Results) -> None:
    rows = [size["rows"] for size in figures["sizes"]]
    axes.plot(rows, [size["cpuSeconds"] for size in figures["sizes"]], marker="o", label="CPU seconds")
    axes.plot(
        rows, [size["peakMegabytes"] for size in figures["sizes"]], marker="o", label="peak of memory, MB"
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title("A sweep")
    axes.set_xlabel("rows of images")
    axes.set_ylabel("CPU seconds, megabytes")


_PLOTS: Mapping[str, tuple[str, Callable[[Axes, Results], None]]] = {
    "plot-page": ("readPage", _page),
    "plot-cost": ("cost", _cost),
    "plot-sweep": ("sweep", _sweep),
}

if __name__ == "__main__":
    main()
