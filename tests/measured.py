"""Figures that a test measured → the summary, from whichever worker it ran in.

A test says `record_property("measured", "<a sentence>")`.
"""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    figures = [
        str(value)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == "measured"
    ]
    if figures:
        terminalreporter.section("measured")
        terminalreporter.write_line("\n".join(figures))
