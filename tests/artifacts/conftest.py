"""Fixtures: the result of `sam build`, made once for all tests of this folder."""

import compileall
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nh3
import orjson
import pytest
from botocore.loaders import JSONFileLoader

from local.template import read_template

ROOT = Path(__file__).parent.parent.parent
SIZES = pytest.StashKey[dict[str, tuple[int, int]]]()


def make(*arguments: str) -> None:
    """Calls make in the root of the repository, which must succeed."""
    # If make has started the tests, its options are in the environment. They are not meant for this make.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    completed = subprocess.run(  # noqa: S603 - our own Makefile
        ["make", "--no-print-directory", *arguments, f"PYTHON={sys.executable}"],  # noqa: S607 - the make on PATH
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr


@pytest.fixture(scope="session", autouse=True)
def _quick_commands() -> Iterator[None]:
    """Lets commands that run in this process read boto3's descriptions of services once, and ask often.

    On AWS a change takes minutes, in the embedded engine less than the first pause.
    """
    read = JSONFileLoader().load_file
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", staticmethod(cache(read)))
        patch.setattr("deployment.stack._FIRST_PAUSE_SECONDS", 0.02)
        yield


@pytest.fixture(scope="session")
def build() -> Path:
    # Running the code leaves bytecode beside it, which must not be shipped.
    compileall.compile_dir(ROOT / "layers/domain/imagecache", quiet=1)
    # A folder for each worker of pytest-xdist, as two builds in one folder would destroy each other.
    folder = f".local/test/{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}/build"
    make("build", f"BUILD={folder}")
    return ROOT / folder


@pytest.fixture(scope="session")
def template(build: Path) -> dict[str, Any]:
    return read_template(build / "template.yaml")


@pytest.fixture(scope="session")
def layers(build: Path, template: dict[str, Any]) -> dict[str, Path]:
    """Returns the folders that the runtime adds to sys.path, by the name of the layer."""
    return {
        name: build / resource["Properties"]["ContentUri"] / "python"
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    }


@pytest.fixture(scope="session")
def host_imaging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the imaging layer built for this machine, because the one for Lambda cannot run here."""
    folder = tmp_path_factory.mktemp("imaging")
    make("-C", "layers/imaging", "build-ImagingLayer", f"ARTIFACTS_DIR={folder}", "PLATFORM=")
    return folder / "python"


@pytest.fixture(scope="session")
def host_layers(
    layers: dict[str, Path], host_imaging: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Returns the layers with machine code for this machine.

    Each library of the dependencies layer is replaced by the one of the tests' environment, which has the
    same locked version.
    """
    dependencies = tmp_path_factory.mktemp("dependencies")
    for built in layers["DependenciesLayer"].rglob("*"):
        copy = dependencies / built.relative_to(layers["DependenciesLayer"])
        if built.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
        elif built.suffix != ".so":
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.symlink_to(built)
    for module in (nh3, orjson):
        package = Path(str(module.__file__)).parent
        for library in package.glob("*.so"):
            (dependencies / package.name / library.name).symlink_to(library)
    return layers | {"ImagingLayer": host_imaging, "DependenciesLayer": dependencies}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, (unpacked, zipped) in config.stash.get(SIZES, {}).items():
        terminalreporter.write_line(f"{name}: {zipped / 1e6:.1f} MB zipped, {unpacked / 1e6:.1f} MB unpacked")
