"""How a stack gets at Beeper, and what is known of the agent that may do it."""

from dataclasses import dataclass
from enum import StrEnum

# The agent records every minute that it runs. Some minutes more are no sign of trouble.
_SILENT_AFTER_MS = 5 * 60_000


class Source(StrEnum):
    """The ways to Beeper: TUNNEL lets the functions ask it, AGENT is a program on Beeper's own computer."""

    TUNNEL = "tunnel"
    AGENT = "agent"


class AgentState(StrEnum):
    """The states of an agent as the stack sees them.

    RUNNING: it was seen within the last five minutes. STOPPED: it has said that it ends. SILENT: it was not
    seen for longer, because its computer sleeps, has no network, or the agent may not use the stack any more.
    NEVER: no agent has ever been seen.
    """

    RUNNING = "running"
    STOPPED = "stopped"
    SILENT = "silent"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class KnownAgent:
    """The agent that has, or last had, the agent lease. Times are in ms; 0 means never.

    `host` is the name of its computer. It has had the lease since `since`, and has last renewed it at
    `seen_at`. `stopped` is True if it has given the lease back.
    """

    host: str = ""
    since: int = 0
    seen_at: int = 0
    stopped: bool = False

    def state(self, now: int) -> AgentState:
        """Returns the state of the agent at `now` (ms)."""
        if not self.seen_at:
            return AgentState.NEVER
        if self.stopped:
            return AgentState.STOPPED
        return AgentState.RUNNING if now - self.seen_at <= _SILENT_AFTER_MS else AgentState.SILENT
