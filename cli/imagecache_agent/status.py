"""The file in which an agent records its state, which `imagecache agent status` shows."""

import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Phase(StrEnum):
    """Names what an agent does.

    TROUBLE: it repeats what fails. ENDED: it could not go on, for the reason in AgentStatus.text.
    """

    STARTING = "starting"
    RUNNING = "running"
    TROUBLE = "trouble"
    STOPPED = "stopped"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """The state of an agent. Times are in ms since 1970; 0 means never.

    It has been in `phase` since `since`. `text` is the reason, and `advice` what a person can do.
    `last_sync_at` is when the last sync ended, and `last_sync` its outcome. `cached` and `failed` count
    images since the agent was started.
    """

    phase: Phase
    since: int
    text: str = ""
    advice: str = ""
    started_at: int = 0
    last_sync_at: int = 0
    last_sync: str = ""
    cached: int = 0
    failed: int = 0


def write_status(file: Path, status: AgentStatus) -> None:
    """Replaces the file, which only this user may read."""
    new = file.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        json.dump(asdict(status), opened)
    new.replace(file)


def read_status(file: Path) -> AgentStatus | None:
    """Returns the status in the file, or None if no agent has written one that this version reads."""
    try:
        content = json.loads(file.read_text())
        return AgentStatus(**{**content, "phase": Phase(content["phase"])})
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
