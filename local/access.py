"""`.local/access.json` → the API's address and tokens, for the printed link and for the command line."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path


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
    text = json.dumps({"url": address, "readToken": access.read_token, "adminToken": access.admin_token})
    unfinished = file.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(text)
    os.replace(unfinished, file)
    return access
