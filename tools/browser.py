"""`make browser`: a Chromium for the page's tests, the machine's own or one that is installed now.

Exit codes: 0 there is one, its path is printed; 1 there is none, and what to do is said.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from local.console import announce, complain, say
from local.template import ROOT

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
_DOWNLOADED = ROOT / ".local" / "browsers"
_SECONDS = 600.0
_ANSWER_SECONDS = 60.0


def find_browser() -> Path | None:
    """The first one that starts: what the machine has, then what Playwright has downloaded for us."""
    on_path = [Path(found) for name in _NAMES if (found := shutil.which(name))]
    shells = sorted(path for path in _DOWNLOADED.rglob("*headless*shell") if path.is_file())
    return next((path for path in (*on_path, _MAC, *shells) if _starts(path)), None)


def main() -> int:
    """Find one, or install one: Playwright's own, else Debian's."""
    found = find_browser()
    for install in (_download, _from_debian):
        if not found:
            install()
            found = find_browser()
    if not found:
        complain("no Chromium: install chromium or google-chrome, so that it is on PATH")
        return 1
    announce(str(found))
    return 0


def _starts(path: Path) -> bool:
    """A download can lack the libraries it needs."""
    try:
        subprocess.run([path, "--version"], check=True, capture_output=True, timeout=_ANSWER_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _download() -> None:
    _try(
        [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"],
        PLAYWRIGHT_BROWSERS_PATH=str(_DOWNLOADED),
    )


def _from_debian() -> None:
    if shutil.which("apt-get") and os.geteuid() == 0:
        _try(["apt-get", "update", "-qq"])
        _try(
            ["apt-get", "install", "-qq", "--no-install-recommends", "chromium"],
            DEBIAN_FRONTEND="noninteractive",
        )


def _try(command: list[str], **settings: str) -> None:
    """What it says is of interest only where all of it fails, and then the last line says what to do."""
    say(f"no Chromium yet: trying {' '.join(command[-4:])}")
    try:
        subprocess.run(command, env=os.environ | settings, check=True, capture_output=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        say(f"not installed: {error}")


if __name__ == "__main__":
    sys.exit(main())
