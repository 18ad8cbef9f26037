"""`make run RESTORE=FOLDER` ends before the first sync if nothing can be restored."""

from pathlib import Path

import pytest

from local.restore import Restore, RestoreError


def test_a_folder_that_cannot_be_restored_ends_the_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RestoreError, match="was not restored"):
        Restore(tmp_path).run(lambda: None)
    assert capfd.readouterr().err.count("\n") > 1, "the command has said why"


def test_a_process_that_fails_meanwhile_ends_the_restore(tmp_path: Path) -> None:
    def check() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        Restore(tmp_path).run(check)


def test_without_a_folder_nothing_is_restored(capfd: pytest.CaptureFixture[str]) -> None:
    Restore(None).run(lambda: None)
    assert capfd.readouterr().err == ""
