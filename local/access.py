"""Writes `.local/access.json`: the API's address and tokens, for the printed link and the command line.

While the stack runs, the file also has the addresses and the tokens of the engine and of the demo account,
for `imagecache import-convex` and for tests. Only this user may read the file.

The addresses are removed when the stack stops, because any program may then listen on these ports and wait
for the tokens. If a run was killed, its addresses are still there: programs that use them must make sure that
a run holds the lock of the folder, and the next run removes them before anything else.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.journal import flush_folder


@dataclass(frozen=True, slots=True)
class Access:
    """The two tokens of the API. They are created only once, so that an opened link works after a restart."""

    read_token: str = field(repr=False)
    admin_token: str = field(repr=False)


def load_or_make_access(file: Path, address: str) -> Access:
    """Returns the tokens in `file`, or new tokens if it has none. Writes them with the API's address."""
    try:
        content = json.loads(file.read_text())
        access = Access(content["readToken"], content["adminToken"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        access = Access(secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    write_privately(file, {"url": address, "readToken": access.read_token, "adminToken": access.admin_token})
    return access


def remove_addresses(file: Path) -> None:
    """Removes everything but the API's tokens from `file`, if there is such a file with both of them."""
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        content = json.loads(file.read_text())
        write_privately(file, {name: content[name] for name in ("readToken", "adminToken")})


def add_engine_access(file: Path, *, endpoint: str, region: str, token: str, stack: str) -> None:
    """Adds the address and the token of this run's engine to `file`."""
    engine = {"endpoint": endpoint, "region": region, "sessionToken": token, "stack": stack}
    _add(file, "engine", engine)


def add_demo_access(file: Path, access: Mapping[str, str]) -> None:
    """Adds address and token of the demo account's controls to `file`."""
    _add(file, "demo", access)


def _add(file: Path, name: str, value: Mapping[str, str]) -> None:
    write_privately(file, {**json.loads(file.read_text()), name: value})


def write_privately(file: Path, content: Mapping[str, Any]) -> None:
    """Replaces a file with JSON that only this user may read, whole or not at all, and durably."""
    unfinished = file.with_suffix(".new")
    # The file of a killed run may have another mode, or another process may have opened it.
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600, exist_ok=False)
    with unfinished.open("w") as writing:
        json.dump(content, writing)
        writing.flush()
        os.fsync(writing.fileno())
    os.replace(unfinished, file)
    flush_folder(file.parent)
