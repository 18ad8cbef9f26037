"""The rule of tests/skip_rule.py, tried on a small test run of its own."""

import pytest

IN_A_TEST = """
    import pytest

    @pytest.mark.skip(reason="needs a kettle")
    def test_marked(): ...

    def test_found_out_while_running():
        pytest.skip("needs a kettle")

    @pytest.mark.xfail(reason="needs a kettle")
    def test_expected_to_fail():
        assert False

    def test_that_runs(): ...
"""
WHOLE_MODULE = """
    import pytest

    pytest.skip("needs a kettle", allow_module_level=True)
"""


@pytest.fixture
def outcomes_of(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> "OutcomesOf":
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return OutcomesOf(pytester, monkeypatch)


class OutcomesOf:
    """Runs tests under the rule, and with nothing else of this project."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pytester = pytester
        self._monkeypatch = monkeypatch

    def __call__(self, source: str, *, ci: str, allowed: str) -> dict[str, int]:
        self._monkeypatch.setenv("CI", ci)
        self._pytester.makepyprojecttoml(f'[tool.imagecache]\nallowed_skips = ["{allowed}"]\n')
        self._pytester.makepyfile(source)
        return self._pytester.runpytest_inprocess("-p", "tests.skip_rule").parseoutcomes()


def test_in_ci_a_test_that_did_not_run_has_failed(outcomes_of: OutcomesOf) -> None:
    assert outcomes_of(IN_A_TEST, ci="true", allowed="needs an oven") == {
        "passed": 1,
        "failed": 2,
        "errors": 1,  # the marked one: it fails before its call
    }
    assert outcomes_of(WHOLE_MODULE, ci="true", allowed="needs an oven") == {"errors": 1}


def test_in_ci_an_allowed_reason_fails_nothing(outcomes_of: OutcomesOf) -> None:
    assert outcomes_of(IN_A_TEST, ci="true", allowed="needs a kettle") == {
        "passed": 1,
        "skipped": 2,
        "xfailed": 1,
    }
    assert outcomes_of(WHOLE_MODULE, ci="true", allowed="needs a kettle") == {"skipped": 1}


def test_outside_of_ci_nobody_minds_a_skipped_test(outcomes_of: OutcomesOf) -> None:
    assert outcomes_of(IN_A_TEST, ci="", allowed="needs an oven") == {"passed": 1, "skipped": 2, "xfailed": 1}
    assert outcomes_of(WHOLE_MODULE, ci="", allowed="needs an oven") == {"skipped": 1}
