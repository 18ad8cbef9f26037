"""A state folder with a damaged file, or on a disk that refuses, is reported in one line or works on."""

import os
from pathlib import Path

import pytest

from local import run
from local.demo_account import _kept_ports
from local.processes import ChildError
from local.state_folder import keep_port, kept_port, prepare


@pytest.mark.parametrize("version", ["", "two", "\x00\x00", "²"])
def test_a_damaged_version_is_named_and_nothing_is_changed(tmp_path: Path, version: str) -> None:
    (tmp_path / "version").write_text(version)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ChildError, match=r"version is damaged.*Nothing was changed"):
        prepare(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("port", ["", "x", "9" * 5000])
def test_a_damaged_port_is_replaced(tmp_path: Path, port: str) -> None:
    (tmp_path / "port").write_text(port)
    assert kept_port(tmp_path) == 0
    keep_port(tmp_path, 8000)
    assert kept_port(tmp_path) == 8000


@pytest.mark.parametrize("ports", ["", "[]", "{}", "[1]", '["a", "b"]', "[70000, -1]", "\x00"])
def test_damaged_ports_of_the_demo_account_are_replaced(tmp_path: Path, ports: str) -> None:
    """They are written at each start, so that a power cut may leave an empty file."""
    note = tmp_path / "demo-ports.json"
    note.write_text(ports)
    chosen = _kept_ports(note)
    assert 0 not in chosen
    assert _kept_ports(note) == chosen


def test_a_disk_that_refuses_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(run, "_STATE", tmp_path / "file" / ".local")
    monkeypatch.setattr(run, "_stop_on_signals", lambda **_: None)
    monkeypatch.setattr(run, "_ignore_aws_settings", lambda: None)
    monkeypatch.setattr(os, "umask", lambda _: 0)
    assert run.main() == 1
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "Not a directory" in err
