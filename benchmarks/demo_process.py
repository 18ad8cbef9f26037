"""The demo account in a process of its own, so that its CPU time is not taken for that of a function."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, cast

import requests

from demo.control import PREFIX
from demo.service import DemoAccount

_CONTROL_TOKEN = "DEMO_CONTROL_TOKEN"  # noqa: S105 - the name of a variable
_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """A demo account that another process serves: its address, Beeper's token, and how many chats it has."""

    url: str
    beeper_token: str = field(repr=False)
    chats: int
    control_token: str = field(repr=False)

    def forget_requests(self) -> None:
        """Begins to count requests anew."""
        self._control("POST", "reset-hits")

    def requests(self) -> int:
        """Returns how many requests Beeper's API has answered."""
        statuses: dict[str, int] = self._control("GET", "hits")["statuses"]
        return sum(statuses.values())

    def _control(self, method: str, name: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.control_token}"}
        url = f"{self.url}{PREFIX}{name}"
        answer = requests.request(method, url, headers=headers, timeout=_TIMEOUT_SECONDS)
        answer.raise_for_status()
        report: dict[str, Any] = answer.json()
        return report


@contextmanager
def running_demo(scale: float) -> Iterator[RunningDemo]:
    """Serves a demo account of this scale in a process that ends with the block."""
    token = secrets.token_urlsafe(32)
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.demo_process", str(scale)],
        env={**os.environ, _CONTROL_TOKEN: token},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    # The end of the block closes the input of the process, which then ends, and waits for it.
    with process:
        output = cast("IO[bytes]", process.stdout)
        yield RunningDemo(**json.loads(output.readline()), control_token=token)


def _serve(scale: float) -> None:
    """Serves the account until the standard input ends, and prints where."""
    with DemoAccount(scale=scale, control_token=os.environ[_CONTROL_TOKEN]) as demo:
        about = {
            "url": demo.beeper_url,
            "beeper_token": demo.beeper_token,
            "chats": len(demo.account.chats),
        }
        sys.stdout.write(json.dumps(about) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
