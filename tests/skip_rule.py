"""A test that did not run → a failed one, when CI=true and pyproject.toml does not allow its reason."""

import os
import tomllib
from collections.abc import Generator
from typing import Any, TypeVar

import pytest

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("CI") == "true":
        config.pluginmanager.register(_NothingSkipped(_allowed_skips(config)))


def _allowed_skips(config: pytest.Config) -> frozenset[str]:
    settings = tomllib.loads((config.rootpath / "pyproject.toml").read_text())
    return frozenset(settings["tool"]["imagecache"]["allowed_skips"])


class _NothingSkipped:
    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        return self._judged((yield))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """A whole module can be skipped too, before any of its tests is known."""
        return self._judged((yield))

    def _judged(self, report: Report) -> Report:
        if report.skipped and (reason := _reason(report)) not in self._allowed:
            report.outcome = "failed"
            report.longrepr = f"not run, and pyproject.toml does not allow its reason: {reason}"
            vars(report).pop("wasxfail", None)
        return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    expected_failure: str | None = getattr(report, "wasxfail", None)
    if expected_failure is not None:
        return expected_failure
    skipped: Any = report.longrepr  # (file, line, "Skipped: " and the reason)
    return str(skipped[2]).removeprefix("Skipped: ")
