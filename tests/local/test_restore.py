"""`make run RESTORE=FOLDER` ends before the first sync if nothing can be restored."""

from pathlib import Path

import pytest

from local.restore import Restore, RestoreError


def ignore() -> None:
    """Does nothing."""


def test_a_folder_that_cannot_be_restored_ends_the_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RestoreError, match="was not restored"):
        Restore(tmp_path).run(ignore, pause=ignore)
    assert capfd.readouterr().err.count("\n") > 1, "the command has said why"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replaces the command by this Python file, which gets the arguments of the command."""
    package = tmp_path / "imagecache_cli"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return package / "__main__.py"


def test_a_process_that_fails_meanwhile_ends_a_restore_that_ignores_the_interrupt(
    tmp_path: Path, command: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.restore._SECONDS_TO_STOP", 0.1)
    command.write_text("import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)")

    def check() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        Restore(tmp_path).run(check, pause=ignore)


def test_a_restore_that_failed_ends_the_run(tmp_path: Path, command: Path) -> None:
    """A damaged backup and a full disk have the same exit code as a restore that left some images out."""
    command.write_text("import sys; sys.exit(1)")
    restore = Restore(tmp_path)
    with pytest.raises(RestoreError, match="was not restored"):
        restore.run(ignore, pause=ignore)
    assert restore.folder == tmp_path


def test_a_restore_that_left_some_images_out_is_over(
    tmp_path: Path, command: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command.write_text("import sys; print('restored 2 of 3 images'); sys.exit(1)")
    restore = Restore(tmp_path)
    restore.run(ignore, pause=ignore)
    assert restore.folder is None
    out, err = capfd.readouterr()
    assert (out, "restored 2 of 3 images" in err) == ("", True)


def test_the_command_is_interrupted_once_so_that_it_leaves_the_terminal_as_it_was(
    tmp_path: Path, command: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its progress hides the cursor. Ctrl-C is sent to all processes of the terminal, and so to this test."""
    begun = tmp_path / "begun"
    command.write_text(
        f"""import os, pathlib, signal, sys, time
assert os.getsid(0) == os.getpid()
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored if these tests run in the background
try:
    pathlib.Path({str(begun)!r}).touch()
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit("the cursor is shown again")
"""
    )

    def check() -> None:
        if begun.exists():
            raise SystemExit

    with pytest.raises(SystemExit):
        Restore(tmp_path).run(check, pause=ignore)
    assert "the cursor is shown again" in capfd.readouterr().err


def test_nothing_is_downloaded_while_it_restores(
    tmp_path: Path, command: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A sync may be due in the middle: the engine starts one 10 s after a start, if the stack is older."""
    paused = tmp_path / "paused"
    command.write_text(f"import pathlib; print(pathlib.Path({str(paused)!r}).exists())")

    Restore(tmp_path).run(ignore, pause=paused.touch)

    assert "True" in capfd.readouterr().err


def test_without_a_folder_nothing_is_restored(capfd: pytest.CaptureFixture[str]) -> None:
    Restore(None).run(ignore, pause=ignore)
    assert capfd.readouterr().err == ""
