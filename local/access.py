"""`.local/access.json`: the API's address and tokens, for the printed link and for the command line.

And where the engine listens, for the one command that works on the stack itself: `imagecache import-convex`.
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


def tell_engine(file: Path, *, endpoint: str, region: str, stack: str) -> None:
    """Once the stack is there; the next start forgets it until then."""
    known = json.loads(file.read_text())
    _write(file, {**known, "engine": {"endpoint": endpoint, "region": region, "stack": stack}})


def _write(file: Path, content: dict[str, Any]) -> None:
    unfinished = file.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(content))
    os.replace(unfinished, file)
