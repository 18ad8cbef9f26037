"""Packs the folders of functions and layers into zip files for the engine, if they have changed.

The engine unpacks a layer (46 MB in 3,263 files) for every worker, which takes 1.5 s. Therefore each layer is
built once, into a folder, and its zip file contains only a `.pth` file that puts this folder first on
Python's path.
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
from typing import IO

from local.template import Template

_UNUSED_SECONDS = 7 * 86400
# Zip files have a time for each entry. This is the earliest possible time; a fixed one keeps the bytes equal.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


class BuildError(Exception):
    """The Makefile of a layer failed. The message is one line with the reason and the path of the log."""


@dataclass(frozen=True, slots=True)
class Package:
    """A zip file, and the resource and the property of the template that refer to its content."""

    logical_id: str
    property: str
    archive: Path


def build_packages(template: Template, root: Path, builds: Path) -> list[Package]:
    """Builds a package for every function and every layer of the template in the folder `builds`.

    The template's paths are relative to `root`. Several processes may use `builds` at once. Raises
    BuildError.
    """
    builds = builds.resolve() / f"{platform.python_version()}-{sys.platform}-{platform.machine()}"
    builds.mkdir(parents=True, exist_ok=True)
    packages = []
    with _locked(builds), contextlib.ExitStack() as building:
        _delete_unused(builds)
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
    """Returns the content of every file by its path in the folder, sorted, without compiled Python."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _digest(contents: dict[str, bytes]) -> str:
    sizes = [(name, len(content)) for name, content in contents.items()]
    return hashlib.sha256(repr(sizes).encode() + b"".join(contents.values())).hexdigest()[:16]


def _zipped(builds: Path, name: str, contents: dict[str, bytes]) -> Path:
    """Writes a zip file whose bytes depend only on the files' names and contents, and returns its path."""
    archive = builds / f"{name}-{_digest(contents)}.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for path, content in contents.items():
            entry = zipfile.ZipInfo(path, _ZIP_TIME)
            entry.external_attr = 0o644 << 16
            target.writestr(entry, content)
    return archive


def _pointer(built: Path) -> dict[str, bytes]:
    """Returns the only file of a small layer: it adds the packages in `built` to Python's path.

    Python executes each line of a `.pth` file that begins with `import`.
    """
    line = f"import sys; sys.path.insert(0, {str(built / 'python')!r})\n"
    return {"python/lib/local/site-packages/layer.pth": line.encode()}


@contextlib.contextmanager
def _building(name: str, source: Path, built: Path) -> Iterator[None]:
    """Builds a layer with its Makefile, like `sam build`, but for this Python interpreter.

    The build is started on entry and awaited on exit, so that several layers are built at the same time.
    """
    log = built.with_suffix(".log")
    with (
        tempfile.TemporaryDirectory(dir=built.parent, prefix="unfinished-") as target,
        log.open("wb") as output,
    ):
        layer = Path(target, "layer")
        variables = [f"ARTIFACTS_DIR={layer}", "PLATFORM=", f"PYTHON={sys.executable}"]
        make = _start_make(f"build-{name}", *variables, folder=source, output=output)
        try:
            yield
            make.wait()
        finally:
            if make.poll() is None:
                os.killpg(make.pid, signal.SIGKILL)
                make.wait()
        if make.returncode:
            raise BuildError(f"building {name} failed: {_reason(log)}; the output is in {log}")
        layer.rename(built)


def _start_make(*arguments: str, folder: Path, output: IO[bytes]) -> "subprocess.Popen[bytes]":
    # This make must not inherit the flags and the level of the `make run` that started this process: with a
    # level, it writes "Entering directory" to the log, and _reason would return that line.
    inherited = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
    environment = {key: value for key, value in os.environ.items() if key not in inherited}
    return subprocess.Popen(
        ["make", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _reason(log: Path) -> str:
    """Returns the last line of the log that is not from make, because make says only which target failed."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    reasons = [line.strip() for line in lines if not line.startswith("make")]
    return (reasons or lines or ["make gave no reason"])[-1]


@contextlib.contextmanager
def _locked(builds: Path) -> Iterator[None]:
    with (builds / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _delete_unused(builds: Path) -> None:
    """Deletes builds that no start has used for a week, and unfinished files of a killed build.

    Older builds are kept for a week, because functions of another run may still use them.
    """
    for path in builds.iterdir():
        if path.name.startswith("unfinished-") or time.time() - path.stat().st_mtime > _UNUSED_SECONDS:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
