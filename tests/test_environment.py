"""`tools/environment.py`: what a person reads when an environment cannot be made."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import environment


def test_an_install_that_fails_says_which_packages_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_name: str) -> Path:
        raise subprocess.CalledProcessError(1, [Path("python"), "-m", "pip", "install"])

    monkeypatch.setattr(environment, "ensure_environment", fail)
    monkeypatch.setattr(sys, "argv", ["environment.py", "run"])

    assert environment.main() == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "requirements/run.txt could not be installed, for the reason above. "
        "The first start needs the internet; later ones do not.\n"
    )
