"""Tests of one group run in one process, other tests in any."""

from pathlib import Path
from textwrap import dedent

import pytest

NOTES_ITS_PROCESS = """
    import os, time
    from pathlib import Path

    import pytest

    @pytest.mark.parametrize("number", range(6))
    def test_that_notes_its_process(number):
        with Path("processes.txt").open("a") as file:
            file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
        time.sleep(0.05)
"""


@pytest.mark.parametrize(
    ("files", "processes"),
    [
        (("engine/test_it.py", "engine/small/test_it.py"), 1),
        (("hostile/test_memory.py",), 1),
        (("unit/test_it.py",), 2),
    ],
)
def test_the_tests_of_a_group_run_in_one_process(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, files: tuple[str, ...], processes: int
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for file in files:
        path = pytester.path / "tests" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(NOTES_ITS_PROCESS))

    result = pytester.runpytest_subprocess(
        *("-p", "xdist", "-p", "tests.worker_groups", "-n", "2", "--import-mode=importlib")
    )

    result.assert_outcomes(passed=6 * len(files))
    assert len(set((pytester.path / "processes.txt").read_text().split())) == processes
