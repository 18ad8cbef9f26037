"""Tests of one group run in one process, other tests in any."""

from pathlib import Path

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


@pytest.mark.parametrize(("folder", "processes"), [("engine", 1), ("engine/small", 1), ("unit", 2)])
def test_the_tests_of_a_group_run_in_one_process(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, folder: str, processes: int
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    tests = pytester.mkdir("tests") / folder
    tests.mkdir(parents=True)
    pytester.makepyfile(NOTES_ITS_PROCESS).rename(tests / "test_it.py")

    result = pytester.runpytest_subprocess("-p", "xdist", "-p", "tests.worker_groups", "-n", "2")

    result.assert_outcomes(passed=6)
    assert len(set((pytester.path / "processes.txt").read_text().split())) == processes
