"""requirements/<name>.txt → one virtual environment, made once per interpreter version and lock file.

Run by whatever Python the machine has, before anything is installed: standard library only.
"""

import fcntl
import hashlib
import platform
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
# Debian's pip 23.0 cannot install a lock in which packages ask for extras, and takes twice as long.
INSTALLER = REQUIREMENTS / "pip.txt"
SUPPORTED = ((3, 11), (3, 14))


def ensure_environment(name: str) -> Path:
    """The interpreter of the environment for `requirements/<name>.txt`, which is made if it is not there.

    Keyed by the interpreter's own version: a `.python-version` that names a missing one silently
    gives another.
    """
    lock = REQUIREMENTS / f"{name}.txt"
    digest = hashlib.sha256(INSTALLER.read_bytes() + lock.read_bytes()).hexdigest()[:12]
    folder = ROOT / ".local" / "env" / f"{name}-{platform.python_version()}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    (ROOT / ".local").chmod(0o700)  # the state beside it holds tokens in the clear
    with (folder.parent / f"{name}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _build(folder, lock)
        if name == "run":
            link_command(folder / "bin" / "python", ROOT / ".local" / "bin" / "imagecache")
    return folder / "bin" / "python"


def _build(folder: Path, lock: Path) -> None:
    print(f"installing {lock.relative_to(ROOT)} (once) ...", file=sys.stderr, flush=True)  # noqa: T201 - no logging exists yet
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "-qq"]
    for wanted in (INSTALLER, lock):
        # Most modules are never imported: compiling those that are, when they are, saves half the time.
        subprocess.run([*pip, "install", "--no-compile", "--require-hashes", "-r", wanted], check=True)
    site = subprocess.check_output([python, "-c", "import site; print(site.getsitepackages()[0])"], text=True)
    # What an editable install does: packages are imported from where they are written.
    (Path(site.strip()) / "imagecache.pth").write_text(
        f"{ROOT / 'layers' / 'domain'}\n{ROOT / 'cli'}\n{ROOT / 'migration'}\n"
    )
    write_command(python)
    (folder / "complete").touch()


def write_command(python: Path) -> None:
    """`imagecache` beside the interpreter, as an install would make it of `[project.scripts]`."""
    command = python.with_name("imagecache")
    # -P: a folder that happens to lie where a person types must not be imported instead of ours.
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} -P -m imagecache_cli "$@"\n')
    command.chmod(0o755)


def link_command(python: Path, link: Path) -> None:
    """The same `imagecache` under a path that outlives the environment it points to."""
    target = python.with_name("imagecache")
    if link.is_symlink() and link.readlink() == target:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def main() -> int:
    """`environment.py NAME`: print the interpreter's path. 1: could not be made, 2: wrong Python."""
    if not SUPPORTED[0] <= sys.version_info[:2] < SUPPORTED[1]:
        refusal = f"Python 3.11 to 3.13 is needed, this is {platform.python_version()}: set PYTHON="
        print(refusal, file=sys.stderr)  # noqa: T201 - the caller's answer
        return 2
    try:
        print(ensure_environment(sys.argv[1]))  # noqa: T201 - the caller's answer
    except subprocess.CalledProcessError:  # pip has said why
        failure = (
            f"requirements/{sys.argv[1]}.txt could not be installed, for the reason above. "
            "The first start needs the internet; later ones do not."
        )
        print(failure, file=sys.stderr)  # noqa: T201 - the caller's answer
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
