"""`.local/access.json`: the API's address and tokens, for the printed link and for the command line.

It also says where the engine listens and holds its session token, for the one command that works on the stack
itself: `imagecache import-convex`. Only this user may read the file.
"""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Access:
    """Made once, so that a link that was opened before works after the next start."""

    read_token: str
    admin_token: str


def local_access(file: Path, address: str) -> Access:
    """The tokens of this clone, made if there are none; the file says where to use them."""
    try:
        known = json.loads(file.read_text())
        access = Access(known["readToken"], known["adminToken"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        access = Access(secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    _write(file, {"url": address, "readToken": access.read_token, "adminToken": access.admin_token})
    return access


def tell_engine(file: Path, *, endpoint: str, region: str, token: str, stack: str) -> None:
    """Adds how to reach the engine of this run, once the stack is there. The next start removes it."""
    known = json.loads(file.read_text())
    engine = {"endpoint": endpoint, "region": region, "sessionToken": token, "stack": stack}
    _write(file, {**known, "engine": engine})


def _write(file: Path, content: dict[str, Any]) -> None:
    unfinished = file.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(content))
    os.replace(unfinished, file)
