"""The files of an agent: its status, its id, and the lock that lets only one run."""

import fcntl
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagecache_cli.access import is_locked
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_cli.session import Outside

_STACK_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{0,127}")


@dataclass(frozen=True, slots=True)
class AgentFolder:
    """The folder of the agent of one stack, below `.local` of the clone."""

    path: Path
    key_file: Path

    @classmethod
    def of(cls, stack: str | None, outside: Outside) -> "AgentFolder":
        """Returns the folder for a stack, which may not exist. Raises SettingsError for a wrong name.

        A command that was installed outside of a clone uses the folder of the person's state.
        """
        if not stack or not _STACK_NAME.fullmatch(stack):
            raise SettingsError("the stack is missing: add --stack and the name of a stack on AWS")
        local = outside.clone / ".local"
        if not (outside.clone / "template.yaml").is_file():
            home = Path(outside.environment.get("HOME") or Path.home())
            local = Path(outside.environment.get("XDG_STATE_HOME") or home / ".local/state") / "imagecache"
        return cls(local / "agent" / stack, local / f"{stack}.agent-key")

    @property
    def status_file(self) -> Path:
        """The file with the status that the agent has last recorded."""
        return self.path / "status.json"

    def is_in_use(self) -> bool:
        """Returns whether an agent of this folder runs."""
        return is_locked(self.path / "lock")

    @contextmanager
    def used(self) -> Iterator[str]:
        """Yields the id of the agent of this folder. Raises CommandError if it runs already."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.path / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CommandError(
                    "the agent of this stack runs here already: `imagecache agent status` shows how it is"
                ) from error
            yield self._id()

    def _id(self) -> str:
        file = self.path / "id"
        # On a full disk an empty file is left. Two agents without an id would take each other for one.
        if not file.exists() or not file.read_text():
            file.write_text(secrets.token_hex(8))
        return file.read_text()
