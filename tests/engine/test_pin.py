"""These contracts were tested with one version of the engine."""

import importlib.metadata
from pathlib import Path

TESTED = "1.5.33"
RUN_IN = Path(__file__).parents[2] / "requirements" / "run.in"


def test_engine_is_the_version_these_contracts_were_tested_with() -> None:
    """A young project: every release may break what we rely on, or mend what we work around."""
    advice = (
        f"the pin of ministack in {RUN_IN} was raised: run tests/engine, and look in its changelog for what"
        " local/ works around (Body ignored, numbers as strings, port in queue URLs, layers unpacked for"
        " every worker), then set TESTED"
    )
    assert importlib.metadata.version("ministack") == TESTED, advice
    assert f"ministack=={TESTED}" in RUN_IN.read_text().splitlines(), advice
