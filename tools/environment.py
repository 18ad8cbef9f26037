"""Creates a virtual environment from requirements/<name>.txt, once for each lock file and Python version.

This runs before any package is installed, so it uses only Python's standard library.
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
SUPPORTED = ((3, 11), (3, 14))  # the first supported version, and the first that is no longer supported
PACKAGE_FOLDERS = (ROOT / "layers" / "domain", ROOT / "cli", ROOT / "migration", ROOT / "hints")


def ensure_environment(name: str) -> Path:
    """Returns the interpreter of the environment for `requirements/<name>.txt`, which it creates if needed.
    Raises CalledProcessError if pip cannot install the packages. In that case pip has printed the reason.
    """
    lock_file = REQUIREMENTS / f"{name}.txt"
    digest = hashlib.sha256(INSTALLER.read_bytes() + lock_file.read_bytes()).hexdigest()[:12]
    # The version of the running interpreter counts, because pyenv may not use the one in .python-version.
    folder = ROOT / ".local" / "env" / f"{name}-{platform.python_version()}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    (ROOT / ".local").chmod(0o700)  # other files in this folder contain tokens as plain text
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _build(folder, lock_file)
        if name == "run":
            link_command(folder / "bin" / "python", ROOT / ".local" / "bin" / "imagecache")
    return folder / "bin" / "python"


def _build(folder: Path, lock_file: Path) -> None:
    print(f"installing {lock_file.relative_to(ROOT)} (once) ...", file=sys.stderr, flush=True)  # noqa: T201 - no logging exists yet
    shutil.rmtree(folder, ignore_errors=True)  # an interrupted build may have left files
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "-qq"]
    for requirements in (INSTALLER, lock_file):
        # Compiling would double the time of an installation, although most modules are never imported.
        subprocess.run([*pip, "install", "--no-compile", "--require-hashes", "-r", requirements], check=True)
    # Like an editable installation, this makes Python import our packages from the clone.
    site_packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    (site_packages / "imagecache.pth").write_text("".join(f"{path}\n" for path in PACKAGE_FOLDERS))
    write_command(python)
    (folder / "complete").touch()


def write_command(python: Path) -> None:
    """Writes the command `imagecache` to the interpreter's folder, like an installation of our package."""
    command = python.with_name("imagecache")
    # With -P, Python does not import a package of the same name from the working folder.
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} -P -m imagecache_cli "$@"\n')
    command.chmod(0o755)


def link_command(python: Path, link: Path) -> None:
    """Makes `link` a link to the command, so that its path is the same for every environment."""
    target = python.with_name("imagecache")
    if link.is_symlink() and link.readlink() == target:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def main() -> int:
    """Prints the interpreter of the environment with the given name, and returns the exit code.

    The exit code is 1 if the environment could not be created, and 2 if this Python is not supported.
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
