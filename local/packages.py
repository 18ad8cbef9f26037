"""Folders named by the template → zip files for the engine, built only when something in them changed.

The engine unpacks a layer anew for every worker: 46 MB in 3,263 files, 1.5 s. So each layer is built once,
into a folder, and its zip file holds nothing but a `.pth` file that puts this folder first on the path.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.template import Template

_FORGOTTEN_SECONDS = 7 * 86400
_SHOWN_LINES = 10


class BuildError(Exception):
    """A layer's Makefile failed."""


@dataclass(frozen=True, slots=True)
class Package:
    """A zip file, and the property of its resource that its place in S3 goes into."""

    logical_id: str
    property: str
    archive: Path


def build_packages(template: Template, root: Path, builds: Path) -> list[Package]:
    """A package for every function and layer of the template, whose paths are relative to `root`."""
    builds = builds.resolve() / f"{platform.python_version()}-{sys.platform}-{platform.machine()}"
    builds.mkdir(parents=True, exist_ok=True)
    packages = []
    with _locked(builds), contextlib.ExitStack() as building:
        _forget_old(builds)
        for name, resource in template["Resources"].items():
            if resource["Type"] == "AWS::Serverless::Function":
                source = root / resource["Properties"]["CodeUri"]
                packages.append(Package(name, "CodeUri", _zipped(builds, name, _contents(source))))
            elif resource["Type"] == "AWS::Serverless::LayerVersion":
                source = root / resource["Properties"]["ContentUri"]
                built = builds / f"{name}-{_digest(_contents(source))}"
                if not built.exists():
                    building.enter_context(_building(name, source, built))
                else:
                    os.utime(built)
                packages.append(Package(name, "ContentUri", _zipped(builds, name, _pointer(built))))
    return packages


def _contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _digest(contents: dict[str, bytes]) -> str:
    sizes = [(name, len(content)) for name, content in contents.items()]
    return hashlib.sha256(repr(sizes).encode() + b"".join(contents.values())).hexdigest()[:16]


def _zipped(builds: Path, name: str, contents: dict[str, bytes]) -> Path:
    """A zip file that depends on names and content alone."""
    archive = builds / f"{name}-{_digest(contents)}.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for path, content in contents.items():
            entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            target.writestr(entry, content)
    return archive


def _pointer(built: Path) -> dict[str, bytes]:
    """A layer whose packages are elsewhere: Python runs what begins with `import` in a `.pth` file."""
    line = f"import sys; sys.path.insert(0, {str(built / 'python')!r})\n"
    return {"python/lib/local/site-packages/layer.pth": line.encode()}


@contextlib.contextmanager
def _building(name: str, source: Path, built: Path) -> Iterator[None]:
    """The layer's own Makefile, as `sam build` calls it, but for this very interpreter.

    Started on entry and awaited on exit, so that several build at once.
    """
    with tempfile.TemporaryDirectory(dir=built.parent, prefix="unfinished-") as target:
        layer = Path(target, "layer")
        make = _make(
            f"build-{name}", f"ARTIFACTS_DIR={layer}", "PLATFORM=", f"PYTHON={sys.executable}", folder=source
        )
        try:
            yield
            output, _ = make.communicate()
        finally:
            if make.poll() is None:
                os.killpg(make.pid, signal.SIGKILL)
                make.wait()
        if make.returncode:
            # make's own last line says only that a command failed, the lines before it say why.
            reason = "\n".join(output.strip().splitlines()[-_SHOWN_LINES:])
            raise BuildError(f"building {name} failed:\n{reason}")
        layer.rename(built)


def _make(*arguments: str, folder: Path) -> "subprocess.Popen[str]":
    # The flags of the `make run` that started us are not for this make.
    environment = {key: value for key, value in os.environ.items() if key not in {"MAKEFLAGS", "MFLAGS"}}
    return subprocess.Popen(
        ["make", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@contextlib.contextmanager
def _locked(builds: Path) -> Iterator[None]:
    with (builds / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _forget_old(builds: Path) -> None:
    """What no start used for a week, and what a killed one left. Functions may still run from the rest."""
    for path in builds.iterdir():
        if path.name.startswith("unfinished-") or time.time() - path.stat().st_mtime > _FORGOTTEN_SECONDS:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
