"""Makes a virtual environment from requirements/<name>.txt, once for each lock file and Python version.

The machine's own Python runs this before anything is installed, so it uses only the standard library.
"""

import fcntl
import hashlib
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
# Debian's pip 23.0 takes twice as long, and refuses a lock file in which packages ask for extras.
INSTALLER = REQUIREMENTS / "pip.txt"
SUPPORTED = ((3, 11), (3, 14))  # from the first up to, and not with, the second
PACKAGE_FOLDERS = (ROOT / "layers" / "domain", ROOT / "cli", ROOT / "migration")


def ensure_environment(name: str) -> Path:
    """Returns the interpreter of the environment for `requirements/<name>.txt`. Makes it if it is not there.

    Raises CalledProcessError if pip cannot install the packages; pip has then printed the reason.
    """
    lock_file = REQUIREMENTS / f"{name}.txt"
    digest = hashlib.sha256(INSTALLER.read_bytes() + lock_file.read_bytes()).hexdigest()[:12]
    # The version is that of the running interpreter: pyenv may run another one than .python-version names.
    folder = ROOT / ".local" / "env" / f"{name}-{platform.python_version()}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    (ROOT / ".local").chmod(0o700)  # its other folders hold tokens in plain text
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _build(folder, lock_file)
        if name == "run":
            link_command(folder / "bin" / "python", ROOT / ".local" / "bin" / "imagecache")
    return folder / "bin" / "python"


def _build(folder: Path, lock_file: Path) -> None:
    print(f"installing {lock_file.relative_to(ROOT)} (once) ...", file=sys.stderr, flush=True)  # noqa: T201 - no logging exists yet
    shutil.rmtree(folder, ignore_errors=True)  # what an interrupted build left
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "-qq"]
    for requirements in (INSTALLER, lock_file):
        # Without compiling, an install takes half the time: most modules are never imported.
        subprocess.run([*pip, "install", "--no-compile", "--require-hashes", "-r", requirements], check=True)
    # As an editable install would do, this imports the packages from where they are written.
    site_packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    (site_packages / "imagecache.pth").write_text("".join(f"{path}\n" for path in PACKAGE_FOLDERS))
    write_command(python)
    (folder / "complete").touch()


def write_command(python: Path) -> None:
    """Writes the command `imagecache` beside the interpreter, as an install of `[project.scripts]` would."""
    command = python.with_name("imagecache")
    # -P: a package of the same name in the working folder must not be imported in place of the clone's.
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} -P -m imagecache_cli "$@"\n')
    command.chmod(0o755)


def link_command(python: Path, link: Path) -> None:
    """Links to the command beside the interpreter. The path of the link is the same for every environment."""
    target = python.with_name("imagecache")
    if link.is_symlink() and link.readlink() == target:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def main() -> int:
    """Prints the interpreter of the environment that is named, and returns the exit code.

    1: the environment could not be made. 2: this Python is not supported.
    """
    if not SUPPORTED[0] <= sys.version_info[:2] < SUPPORTED[1]:
        refusal = (
            f"Python 3.11, 3.12 or 3.13 is needed, and this is {platform.python_version()}: "
            "name one of those, for example `make run PYTHON=python3.13`"
        )
        print(refusal, file=sys.stderr)  # noqa: T201 - the caller's answer
        return 2
    try:
        print(ensure_environment(sys.argv[1]))  # noqa: T201 - the caller's answer
    except subprocess.CalledProcessError:  # pip has printed the reason
        failure = (
            f"requirements/{sys.argv[1]}.txt could not be installed, for the reason above. "
            "The first start needs the internet; later ones do not."
        )
        print(failure, file=sys.stderr)  # noqa: T201 - the caller's answer
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
