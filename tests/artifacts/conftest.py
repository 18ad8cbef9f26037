"""`sam build`, once for all tests of what it makes."""

import compileall
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.template import read_template

ROOT = Path(__file__).parent.parent.parent
SIZES = pytest.StashKey[dict[str, tuple[int, int]]]()


def make(*arguments: str) -> None:
    """What the `make` around this test run was told is no business of this one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(  # noqa: S603 - our own Makefile
        ["make", "--no-print-directory", *arguments, f"PYTHON={sys.executable}"],  # noqa: S607 - wherever it is
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def build() -> Path:
    # Whoever has run the code has these lying about: they must not be shipped.
    compileall.compile_dir(ROOT / "layers/domain/imagecache", quiet=1)
    folder = f".local/test/{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}/build"  # no two in one folder
    make("build", f"BUILD={folder}")
    return ROOT / folder


@pytest.fixture(scope="session")
def template(build: Path) -> dict[str, Any]:
    return read_template(build / "template.yaml")


@pytest.fixture(scope="session")
def layers(build: Path, template: dict[str, Any]) -> dict[str, Path]:
    """What the runtime puts on sys.path, by the layer's name."""
    return {
        name: build / resource["Properties"]["ContentUri"] / "python"
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    }


@pytest.fixture(scope="session")
def host_imaging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pillow for this machine: Lambda's cannot run here."""
    folder = tmp_path_factory.mktemp("imaging")
    make("-C", "layers/imaging", "build-ImagingLayer", f"ARTIFACTS_DIR={folder}", "PLATFORM=")
    return folder / "python"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, (unpacked, zipped) in config.stash.get(SIZES, {}).items():
        terminalreporter.write_line(f"{name}: {zipped / 1e6:.1f} MB zipped, {unpacked / 1e6:.1f} MB unpacked")
