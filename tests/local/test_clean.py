"""`make clean` deletes what a clone has made, but not below a running stack."""

from pathlib import Path

import pytest

from local.processes import try_lock
from tools.clean import clean


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".local" / "beeper" / "s3").mkdir(parents=True)
    return tmp_path


def test_everything_local_is_deleted(root: Path) -> None:
    (root / "README.md").touch()
    assert clean(root) == 0
    assert [path.name for path in root.iterdir()] == ["README.md"]
    assert clean(root) == 0, "there is nothing left to delete"


def test_a_running_stack_keeps_its_pictures(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with try_lock(root / ".local" / "run.lock", "process 1"):
        assert clean(root) == 2
    assert (root / ".local" / "beeper" / "s3").is_dir()
    assert "stop it first" in capsys.readouterr().err
    assert clean(root) == 0
