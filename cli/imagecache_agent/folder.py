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
        if not stack:
            raise SettingsError("the stack is missing: add --stack and the name of a stack on AWS")
        if not _STACK_NAME.fullmatch(stack):
            raise SettingsError(
                f"{stack!r} is not a valid name of a stack: it has letters, digits and hyphens, and begins"
                " with a letter"
            )
        local = _local(outside)
        return cls(local / "agent" / stack, local / f"{stack}.agent-key")

    @staticmethod
    def stacks(outside: Outside) -> list[str]:
        """Returns the names of the stacks of which an agent has run here."""
        return sorted(folder.name for folder in (_local(outside) / "agent").glob("*") if folder.is_dir())

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
                    "the agent of this stack runs here already:"
                    f" `imagecache agent status --stack {self.path.name}` shows its state"
                ) from error
            yield self._id()

    def _id(self) -> str:
        file = self.path / "id"
        # On a full disk an empty file is left. Two agents without an id would take each other for one.
        if not file.exists() or not file.read_text():
            file.write_text(secrets.token_hex(8))
        return file.read_text()


def _local(outside: Outside) -> Path:
    """Returns the folder of the clone's own files, or that of the person's state outside of a clone."""
    if (outside.clone / "template.yaml").is_file():
        return outside.clone / ".local"
    home = Path(outside.environment.get("HOME") or Path.home())
    return Path(outside.environment.get("XDG_STATE_HOME") or home / ".local/state") / "imagecache"
