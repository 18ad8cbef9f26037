"""Which browser the page's tests open."""

from pathlib import Path

import pytest

from tools import browser


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of its own, and nothing downloaded."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "_DOWNLOADED", tmp_path / "browsers")
    monkeypatch.setattr(browser, "_MAC", tmp_path / "no Mac")
    return tmp_path


def program(path: Path, *, status: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {status}\n")
    path.chmod(0o755)
    return path


def test_a_browser_that_does_not_start_is_passed_over(machine: Path) -> None:
    program(machine / "chromium", status=127)
    chrome = program(machine / "google-chrome", status=0)
    assert browser.find_browser() == chrome


def test_what_was_downloaded_serves_where_the_machine_has_none(machine: Path) -> None:
    folder = machine / "browsers" / "chromium_headless_shell-1" / "chrome-linux64"
    assert browser.find_browser() is None
    shell = program(folder / "chrome-headless-shell", status=0)
    assert browser.find_browser() == shell
