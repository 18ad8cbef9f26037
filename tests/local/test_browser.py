"""`find_browser` chooses the browser of the page's tests."""

from pathlib import Path

import pytest

from tools import browser


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Gives the test an empty PATH and a machine without any browser."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "_DOWNLOADED", tmp_path / "browsers")
    monkeypatch.setattr(browser, "_MAC", tmp_path / "no Mac")
    return tmp_path


def program(path: Path, *, status: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {status}\n")
    path.chmod(0o755)
    return path


def test_a_browser_that_does_not_start_is_skipped(machine: Path) -> None:
    program(machine / "chromium", status=127)
    chrome = program(machine / "google-chrome", status=0)
    assert browser.find_browser() == chrome


def test_a_downloaded_browser_is_used_if_the_machine_has_none(machine: Path) -> None:
    folder = machine / "browsers" / "chromium_headless_shell-1" / "chrome-linux64"
    assert browser.find_browser() is None
    shell = program(folder / "chrome-headless-shell", status=0)
    assert browser.find_browser() == shell
