"""Packages are built once for what they are built from."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from local.packages import BuildError, build_packages
from local.template import ROOT

TEMPLATE = {
    "Resources": {
        "Fn": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "function"}},
        "Layer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "layer"}},
    }
}
MAKEFILE = (
    'build-Layer:\n\tmkdir -p "$(ARTIFACTS_DIR)/python"\n\tdate +%N > "$(ARTIFACTS_DIR)/python/built.py"\n'
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("function", "layer"):
        (tmp_path / name).mkdir()
    (tmp_path / "function" / "app.py").write_text("handler = print")
    (tmp_path / "layer" / "Makefile").write_text(MAKEFILE)
    return tmp_path


def build(root: Path) -> list[str]:
    return [package.archive.name for package in build_packages(TEMPLATE, root, root / "builds")]


def test_nothing_is_built_twice(root: Path) -> None:
    first = build(root)
    times = {path: path.read_text() for path in root.rglob("built.py")}
    (root / "function" / "__pycache__").mkdir()
    (root / "function" / "__pycache__" / "app.pyc").touch()
    assert build(root) == first
    assert {path: path.read_text() for path in root.rglob("built.py")} == times


def test_a_changed_file_makes_another_package(root: Path) -> None:
    function, layer = build(root)
    (root / "function" / "app.py").write_text("handler = repr")
    assert build(root)[0] != function
    assert build(root)[1] == layer
    (root / "layer" / "Makefile").write_text(MAKEFILE + "\n")
    assert build(root)[1] != layer


def test_a_layer_points_at_the_folder_it_was_built_into(root: Path) -> None:
    _, layer = build_packages(TEMPLATE, root, root / "builds")
    with zipfile.ZipFile(layer.archive) as archive:
        (name,) = archive.namelist()
        line = archive.read(name).decode()
    (module,) = root.rglob("built.py")
    assert str(module.parent) in line


def test_a_makefile_that_fails_is_reported_with_its_reason_and_its_log_and_leaves_nothing_else(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKELEVEL", "1")  # as `make run` and `make test` set it
    (root / "layer" / "Makefile").write_text("build-Layer:\n\t@echo begin; echo no space left; exit 1\n")
    with pytest.raises(BuildError) as caught:
        build(root)
    (log,) = root.rglob("*.log")
    assert str(caught.value) == f"building Layer failed: no space left; the output is in {log}"
    assert log.read_text().startswith("begin\nno space left\n")
    assert not list(root.rglob("unfinished-*"))


@pytest.mark.parametrize("layer", ["dependencies", "domain", "imaging"])
def test_a_layer_is_built_in_a_path_with_a_space(layer: str, tmp_path: Path) -> None:
    folder = tmp_path / "my clone" / "layers" / layer
    shutil.copytree(ROOT / "layers" / layer, folder, ignore=shutil.ignore_patterns("__pycache__"))
    # Packages are not needed here: in place of pip, this Python only writes its arguments into a file.
    python = tmp_path / "my clone" / "python"
    python.write_text('#!/bin/sh\nmkdir -p "$ARTIFACTS_DIR/python"\necho "$*" >> "$ARTIFACTS_DIR/python/pip"')
    python.chmod(0o755)
    target = tmp_path / "my clone" / "built"

    subprocess.run(  # noqa: S603 - our own Makefile
        ["make", f"build-{layer.capitalize()}Layer", f"ARTIFACTS_DIR={target}", f"PYTHON={python}"],  # noqa: S607 - wherever it is
        cwd=folder,
        check=True,
        capture_output=True,
    )

    if layer == "domain":
        assert (target / "python" / "imagecache" / "config.py").is_file()
    else:
        assert f"--target {target}/python --requirement" in (target / "python" / "pip").read_text()
