"""Finds a Chromium for the page's tests, or installs one: `make browser`.

The exit code is 0, with the path of the browser on stdout, or 1, with a message on stderr that says what to
do.
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
_INSTALL_SECONDS = 600.0
_START_SECONDS = 60.0


def find_browser() -> Path | None:
    """Returns the first browser that starts: the machine's own, or one that Playwright has downloaded."""
    on_path = [Path(path) for name in _NAMES if (path := shutil.which(name))]
    downloaded = sorted(path for path in _DOWNLOADED.rglob("*headless*shell") if path.is_file())
    return next((path for path in (*on_path, _MAC, *downloaded) if _starts(path)), None)


def main() -> int:
    """Finds a browser, or installs Playwright's, or else Debian's. Returns the exit code."""
    browser = find_browser()
    for install in (_download, _install_debian_package):
        if not browser:
            install()
            browser = find_browser()
    if not browser:
        complain("no Chromium was found: install chromium or google-chrome, so that it is on PATH")
        return 1
    announce(str(browser))
    return 0


def _starts(path: Path) -> bool:
    # A downloaded browser may need libraries that the machine does not have.
    try:
        subprocess.run([path, "--version"], check=True, capture_output=True, timeout=_START_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _download() -> None:
    _try(
        [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"],
        PLAYWRIGHT_BROWSERS_PATH=str(_DOWNLOADED),
    )


def _install_debian_package() -> None:
    """Installs Debian's Chromium if this is Debian and the user may install packages."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        _try(["apt-get", "update", "-qq"])
        _try(
            ["apt-get", "install", "-qq", "--no-install-recommends", "chromium"],
            DEBIAN_FRONTEND="noninteractive",
        )


def _try(command: list[str], **settings: str) -> None:
    """Runs a command with the additional environment variables `settings`.

    Prints an error instead of raising it, because there is another way to install a browser.
    """
    say(f"no Chromium yet: trying {' '.join(command[-4:])}")
    try:
        subprocess.run(
            command, env=os.environ | settings, check=True, capture_output=True, timeout=_INSTALL_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        say(f"not installed: {error}")


if __name__ == "__main__":
    sys.exit(main())
