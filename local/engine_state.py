"""Stores the state of the embedded engine (ministack) in a journal, and loads it from there.

ministack keeps everything but the content of objects in memory, and saves it only on a clean stop. So each
change of a row or of a message is recorded when it is made (see `local.engine_recording`). The effects of
requests are recorded, not the requests, so a start evaluates no condition again. Everything else belongs to
the deployed stack, and is recorded after a deployment and on a clean stop.

The keys of the journal are JSON: `["row", table id, partition key, sort key]` for the item,
`["message", id]` for `[ARN of its queue, message]`, `["service", name]` for ministack's state of a service
without rows and messages, and `["port"]` for the engine's port, which is part of URLs in these states.
"""

import glob
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from local.durable import Changes
from local.journal import JournalError, Values

# In SQS, no message is kept for longer.
_LONGEST_RETENTION_SECONDS = 14 * 24 * 3600

GetStates = Mapping[str, Callable[[], Any]]  # a function for each service, which returns the service's state


class EngineState:
    """The state of the engine in this process. `values` are those of the journal, and are emptied."""

    def __init__(self, values: Values, changes: Changes, *, port: int) -> None:
        self._values = values
        self._changes = changes
        self._port = port
        self._digests: dict[str, bytes] = {}

    def load(self, service: str) -> Any:
        """Returns the state of a service as ministack loads it, or None if none is stored."""
        from ministack.core import persistence  # type: ignore[import-untyped]  # noqa: PLC0415

        text = self._values.pop(_key("service", service), None)
        if text is None:
            return None
        self._digests[service] = _digest(text)
        if service == "lambda":
            _delete_unused_packages(text)
        port = self._values.get(_key("port"), b"")
        # With the old port, the event source of a queue would never receive a message.
        text = text.replace(b"localhost:%b" % port, b"localhost:%d" % self._port)
        content = json.loads(text, object_hook=persistence._json_object_hook)
        if content["__ministack_format__"] > persistence._state_format_version(service):
            raise JournalError(
                "a later version of this program stored this state: update this folder with `git pull`"
            )
        state = content["payload"]
        if service == "dynamodb":
            self._load_rows(state["tables"]._data.values())
        elif service == "sqs":
            self._load_messages(state["queues"]._data.values())
        return state

    def save(self, get_states: GetStates) -> None:
        """Records each service whose state has changed.

        Records nothing while a stack is being deployed, because it could not be deployed again from a state
        in the middle. The next start deploys it from the state before.
        """
        from ministack.core import persistence  # noqa: PLC0415 - takes a second

        if _is_deploying():
            return
        self._changes.put(_key("port"), b"%d" % self._port)
        for service, get_state in get_states.items():
            state = get_state()
            if state is None:
                continue
            if service == "lambda":
                for package in _packages():
                    self._changes.add_file(package)
            if service == "sqs":
                for queue in state["queues"]._data.values():
                    queue["messages"] = []
            version = persistence._state_format_version(service)
            content = {"__ministack_format__": version, "payload": state}
            text = json.dumps(content, default=persistence._json_default).encode()
            digest = _digest(text)
            if digest != self._digests.get(service):
                self._digests[service] = digest
                self._changes.put(_key("service", service), text)

    def save_messages(self, queues: Iterable[Mapping[str, Any]]) -> None:
        """Records each message again, with the number of times that it was received."""
        for queue in queues:
            for message in queue["messages"]:
                self.record_message(queue, message)

    def record_row(self, table: Mapping[str, Any], partition: Any, sort: Any, item: Any) -> None:
        """Records that a row was written, or that it was deleted if `item` is None."""
        key = _key("row", table["TableId"], partition, sort)
        self._changes.put(key, b"" if item is None else _text(item))

    def record_message(self, queue: Mapping[str, Any], message: Mapping[str, Any]) -> None:
        """Records that a message is in a queue, and in no other one."""
        value = _text([queue["attributes"]["QueueArn"], message])
        self._changes.put(_key("message", message["id"]), value)

    def record_deleted_messages(self, ids: Iterable[str]) -> None:
        """Records that these messages are in no queue."""
        for message_id in ids:
            self._changes.put(_key("message", message_id), b"")

    def _load_rows(self, tables: Iterable[dict[str, Any]]) -> None:
        by_id = {table["TableId"]: table for table in tables}
        for table in by_id.values():
            table |= {"items": {}, "ItemCount": 0, "TableSizeBytes": 0}
        for key, text in self._take("row"):
            _, table_id, partition, sort = json.loads(key)
            if table_id in by_id:
                table = by_id[table_id]
                table["items"].setdefault(partition, {})[sort] = json.loads(text)
                table["ItemCount"] += 1
            else:  # its table was deleted
                self._changes.put(key, b"")

    def _load_messages(self, queues: Iterable[dict[str, Any]]) -> None:
        by_arn = {queue["attributes"]["QueueArn"]: queue for queue in queues}
        now = time.time()
        stored = [(key, *json.loads(text)) for key, text in self._take("message")]
        for key, arn, message in sorted(stored, key=lambda entry: entry[2]["sent_at"]):
            if arn not in by_arn or message["sent_at"] < now - _LONGEST_RETENTION_SECONDS:
                self._changes.put(key, b"")
                continue
            # The worker that had received the message has ended. Otherwise the message would stay hidden
            # until its visibility timeout, which is six minutes in our template. The interrupted delivery
            # does not count, because a message becomes a dead letter after five receives. A message that was
            # never received is hidden because it was sent with a delay.
            if message["receive_count"] and message["visible_at"] > now:
                message["visible_at"] = now
                message["receive_count"] -= 1
            by_arn[arn]["messages"].append(message)

    def _take(self, kind: str) -> Iterator[tuple[bytes, bytes]]:
        """Yields the values of a kind with their keys, and removes them."""
        start = _key(kind)[:-1] + b","
        for key in [key for key in self._values if key.startswith(start)]:
            yield key, self._values.pop(key)


def _is_deploying() -> bool:
    """Returns True while ministack creates, changes or deletes a stack."""
    cloudformation = sys.modules.get("ministack.services.cloudformation")  # absent before the first request
    stacks = cloudformation._stacks._data.values() if cloudformation else ()
    return any(stack["StackStatus"].endswith("_IN_PROGRESS") for stack in stacks)


def _packages() -> list[str]:
    """Returns the files with the code of functions, which ministack names after their content."""
    from ministack.services import lambda_svc  # type: ignore[import-untyped]  # noqa: PLC0415

    return glob.glob(f"{lambda_svc.CODE_BLOB_DIR}/*.zip")


def _delete_unused_packages(stored: bytes) -> None:
    """Deletes the code that the stored state of Lambda does not name.

    ministack would delete it when it makes a new state, and a power cut before that is stored would leave the
    functions of the old state without code.
    """
    for package in _packages():
        if Path(package).stem.encode() not in stored:
            os.unlink(package)


# Much faster than `json.dumps`, which makes a new encoder if it is given separators.
_encode = json.JSONEncoder(separators=(",", ":")).encode


def _key(*parts: str) -> bytes:
    return _text(parts)


def _text(value: Any) -> bytes:
    return _encode(value).encode()


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()
