"""Syncs as soon as Beeper's events tell that chats have changed, beside the schedule of every ten minutes."""

import contextlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from local.clients import client
from local.console import say
from local.deploy import DeployedStack
from local.settings import Origin

if TYPE_CHECKING:
    from imagecache_hints.listener import ListenerState

_SYNC_SECONDS = 900  # an invocation can last so long
_TEXTS = {
    "listening": "Beeper tells of changes at once: they are read within seconds",
    "unsupported": "this Beeper does not tell of changes: chats are read every ten minutes",
}
"""What is printed of a new ListenerState. The page tells when Beeper is offline, or refuses the token."""


@contextlib.contextmanager
def hinted_syncs(stack: DeployedStack, beeper: Origin) -> Iterator[None]:
    """Listens to Beeper's events during the block, and invokes the stack's sync for what has changed."""
    # It imports websockets, which takes 0.05 s: the engine is started and the page is served before.
    from imagecache_hints.hinted_sync import syncing_on_hints  # noqa: PLC0415 - see above

    functions = client(stack.engine, "lambda", timeout_seconds=_SYNC_SECONDS)

    def sync(chat_ids: frozenset[str]) -> bool:
        return invoke_sync(functions, stack.outputs["SyncFunction"], chat_ids)

    def headers() -> dict[str, str]:
        return {"Authorization": f"Bearer {beeper.token}"}

    with syncing_on_hints(beeper.url, headers, sync, on_state=_print):
        yield


def invoke_sync(functions: Any, name: str, chat_ids: frozenset[str]) -> bool:
    """Invokes the sync function, and waits for its end. Returns False if another sync is running.

    `functions` is a client of Lambda.
    """
    event = {"chatIds": sorted(chat_ids)} if chat_ids else {}
    try:
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        report = json.load(answer["Payload"])
    except (BotoCoreError, ClientError, ValueError):
        return True  # the stack is stopping, or has no room for another function; the schedule goes on
    return not (isinstance(report, dict) and report.get("outcome") == "busy")


def _print(state: "ListenerState") -> None:
    if text := _TEXTS.get(state):
        say(text)
