"""The owner connects Beeper in the page, loses the machine's power, and later everything but a backup."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from demo.service import DemoAccount
from imagecache_migration.backup.folder import BackupFolder
from imagecache_migration.backup.stack_rows import IMAGES
from tests.demo.clients import NAVIGATION, decide
from tests.end_to_end.conftest import LIMIT_SECONDS, Clone, wait_until

pytestmark = pytest.mark.engine


def test_a_connection_survives_a_kill_and_a_backup_brings_every_picture_back(
    clone: Clone, tmp_path: Path
) -> None:
    clone.invent(single_chats=1, groups=1, crowd=1)
    folders = [tmp_path / name for name in ("first", "second")]
    with DemoAccount(scale=0.05) as beeper:
        beeper.chat_api.lists_contacts = False
        process = clone.run_until_ready(BEEPER_URL=beeper.beeper_url)
        connect(clone)
        wait_until(lambda: shows(clone, beeper), what="every picture of the connected Beeper")
        before = deliveries(beeper)

        process.kill()
        process.wait()
        wait_until(lambda: not clone.processes(), what="the children of a killed run end")
        process = clone.run_until_ready(BEEPER_URL=beeper.beeper_url)
        wait_until(lambda: shows(clone, beeper), what="every picture after a kill")
        assert deliveries(beeper) == before, "no picture is downloaded twice"

        back_up(clone, folders[0])
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT_SECONDS)
        for name in ("beeper", "demo", "demo-account"):
            shutil.rmtree(clone.root / ".local" / name)
        (clone.root / ".local" / "connection.json").unlink()

        clone.run_until_ready(BEEPER_URL=beeper.beeper_url, RESTORE=str(folders[0]))
        connect(clone)
        wait_until(lambda: shows(clone, beeper), what="every picture of the backup")
        assert deliveries(beeper) == before, "every picture comes from the backup"
    back_up(clone, folders[1])
    assert originals(folders[1]) == originals(folders[0])


def connect(clone: Clone) -> None:
    """Connects Beeper as the page and a browser do, and waits until the page shows its account."""
    own = {"Authorization": f"Bearer {clone.read_token}", "Sec-Fetch-Site": "same-origin"}
    address = f"http://127.0.0.1:{clone.port}"
    request = urllib.request.Request(f"{address}/_local/connect", method="POST", headers=own)  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
        url = json.load(answer)["authorizationUrl"]
    page = requests.get(url, headers=NAVIGATION, allow_redirects=False, timeout=30)
    back = urlsplit(decide(page, "allow"))
    answer = requests.get(
        f"{address}{back.path}?{back.query}", headers=NAVIGATION, allow_redirects=False, timeout=30
    )
    assert answer.status_code == 303, answer.text


def shows(clone: Clone, beeper: DemoAccount) -> bool:
    """Returns whether the page shows this account, and every picture that it can deliver."""
    try:
        if not clone.first_sync_is_over():
            return False
        images = clone.images()
    except OSError:  # the stack is starting again, with the other account
        return False
    is_settled = "pending" not in {image["status"] for image in images}
    return is_settled and deliveries(beeper).keys() >= set(beeper.account.deliverable())


def deliveries(beeper: DemoAccount) -> dict[str, int]:
    """Returns how often the account has delivered each image."""
    return dict(beeper.hits.images())


def back_up(clone: Clone, folder: Path) -> None:
    """Runs `imagecache backup`."""
    subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-P", "-m", "imagecache_cli", "--local", "backup", str(folder)],
        cwd=clone.root,
        env={"PATH": os.environ["PATH"]},
        check=True,
        timeout=LIMIT_SECONDS,
    )


def originals(folder: Path) -> Any:
    """Returns the SHA-256 hash of the original of each image in a backup, by image key."""
    backup = BackupFolder(folder)
    rows = backup.complete_manifest().rows[IMAGES]
    return {entry.row["imageKey"]["S"]: entry.original for entry in backup.entries(rows)}
