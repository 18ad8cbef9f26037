"""Makes the embedded engine (ministack) load its state from the journal, and record each change there.

The functions of ministack that are replaced here are those through which every change goes, whichever request
or thread makes it. ministack has no types, and importing it takes a second.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from local.durable import Application, Changes, Message, Receive, Send, end_process, ending_on_errors
from local.engine_protocol import SAVE_PATH
from local.engine_state import EngineState, GetStates
from local.journal import Values

_Answer = Callable[[Any, str], Any]  # one of ministack's functions for a request to SQS


def attach(values: Values, changes: Changes, *, port: int) -> EngineState:
    """Makes ministack in this process load its state from `values`, and record each change in `changes`."""
    from ministack import app  # type: ignore[import-untyped]  # noqa: PLC0415
    from ministack.services import dynamodb, lambda_svc, s3, sqs  # type: ignore[import-untyped]  # noqa: PLC0415

    state = EngineState(values, changes, port=port)

    def save_all(get_states: GetStates) -> None:
        state.save(get_states)
        state.save_messages(sqs._queues._data.values())

    app.load_state = state.load
    app.save_all = save_all
    dynamodb.get_state = _without_rows(dynamodb)
    lambda_svc._prune_orphan_code_blobs = lambda _: None  # EngineState deletes them
    _record_rows(dynamodb, state)
    _record_sent_messages(sqs, state)
    _record_deleted_messages(sqs, state)
    _record_files(s3, changes)
    return state


def answer_saves(application: Application, state: EngineState) -> Application:
    """Wraps ministack, so that a request for SAVE_PATH records each service whose state has changed."""
    from ministack import app  # noqa: PLC0415 - takes a second

    async def handle(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != SAVE_PATH:
            await application(scope, receive, send)
            return
        state.save(app._build_persistence_save_dict())
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return handle


def _without_rows(dynamodb: Any) -> Callable[[], Any]:
    """Wraps ministack's function to return the state of the tables without copying all rows."""
    get_state = dynamodb.get_state
    left_out = ("items", "ItemCount", "TableSizeBytes")

    def get_state_without_rows() -> Any:
        tables = dynamodb._tables
        without_rows = type(tables)()
        for name, table in tables._data.items():
            without_rows._data[name] = {key: value for key, value in table.items() if key not in left_out}
        dynamodb._tables = without_rows
        try:
            return get_state()
        finally:
            dynamodb._tables = tables

    return get_state_without_rows


def _record_rows(dynamodb: Any, state: EngineState) -> None:
    """Wraps the two functions that write and delete a row."""
    set_item, remove_item = dynamodb._set_item, dynamodb._remove_item

    def set_and_record(table: Any, partition: Any, sort: Any, item: Any) -> Any:
        old = set_item(table, partition, sort, item)
        state.record_row(table, partition, sort, item)
        return old

    def remove_and_record(table: Any, partition: Any, sort: Any) -> Any:
        old = remove_item(table, partition, sort)
        if old is not None:
            state.record_row(table, partition, sort, None)
        return old

    dynamodb._set_item, dynamodb._remove_item = set_and_record, remove_and_record


def _record_sent_messages(sqs: Any, state: EngineState) -> None:
    """Wraps the functions that send a message, and that move messages to their dead-letter queue."""
    send, move_dead_letters = sqs._act_send_message, sqs._dlq_sweep

    def send_and_record(request: Any, url: str) -> Any:
        answer = send(request, url)
        queue = sqs._get_q(request.get("QueueUrl", url))
        state.record_message(queue, queue["messages"][-1])
        return answer

    def move_and_record(queue: Any) -> None:
        before = queue["messages"]
        move_dead_letters(queue)
        if len(queue["messages"]) == len(before):
            return
        moved = {message["id"] for message in before} - {message["id"] for message in queue["messages"]}
        for other in sqs._queues._data.values():
            for message in other["messages"]:
                if message["id"] in moved:
                    state.record_message(other, message)

    # A batch of messages is sent by this function, too.
    sqs._act_send_message = sqs._HANDLERS["SendMessage"] = send_and_record
    sqs._dlq_sweep = move_and_record


def _record_deleted_messages(sqs: Any, state: EngineState) -> None:
    """Wraps the functions that delete messages for a request, or after their function has succeeded."""

    def recording(delete: _Answer, chosen: Callable[[Any, Any], Iterable[str]]) -> _Answer:
        def delete_and_record(request: Any, url: str) -> Any:
            queue = sqs._get_q(request.get("QueueUrl", url))
            ids = list(chosen(queue, request))
            answer = delete(request, url)
            state.record_deleted_messages(ids)
            return answer

        return delete_and_record

    delete_for_event_source = sqs._delete_messages_for_esm

    def delete_for_event_source_and_record(url: str, handles: set[str]) -> None:
        ids = list(_received_with(sqs._get_q(url), handles))
        delete_for_event_source(url, handles)
        state.record_deleted_messages(ids)

    def of_batch(queue: Any, request: Any) -> Iterable[str]:
        return _received_with(queue, {entry.get("ReceiptHandle") for entry in request.get("Entries", [])})

    def of_one(queue: Any, request: Any) -> Iterable[str]:
        return _received_with(queue, {request.get("ReceiptHandle")})

    handlers = sqs._HANDLERS
    handlers["DeleteMessage"] = recording(handlers["DeleteMessage"], of_one)
    handlers["DeleteMessageBatch"] = recording(handlers["DeleteMessageBatch"], of_batch)
    handlers["PurgeQueue"] = recording(
        handlers["PurgeQueue"], lambda queue, _: [message["id"] for message in queue["messages"]]
    )
    sqs._delete_messages_for_esm = delete_for_event_source_and_record


def _received_with(queue: Any, handles: set[str]) -> Iterator[str]:
    """Yields the ids of the messages that were received with one of these receipt handles."""
    for message in queue["messages"]:
        if message["receipt_handle"] and message["receipt_handle"] in handles:
            yield message["id"]


def _record_files(s3: Any, changes: Changes) -> None:
    """Wraps the functions that write and delete the files of objects, so that a power cut leaves whole files.

    If ministack cannot write a file, it only logs that, and answers that the object is stored.
    """
    persist, remove, remove_version = s3._persist_object, s3._remove_key_files, s3._delete_version_file

    def persist_or_end(bucket: str, key: str, stored: Any) -> None:
        persist(bucket, key, stored)
        if stored["body"]:  # ministack drops the content from memory when it is in the file
            end_process(OSError(errno.EIO, f"the object {bucket}/{key} could not be written"))

    def write(path: str, content: Any, *, text: bool = False) -> None:
        unfinished = f"{path}.tmp"
        with ending_on_errors():
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content.encode() if text else content)
                if os.path.exists(path):  # a power cut must leave the old content or the new one
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(unfinished, path)
        changes.add_file(path)

    def remove_and_record(path: str | None) -> None:
        # ministack calls this after each write, too, for files that rarely exist.
        if path and (os.path.exists(path) or os.path.exists(f"{path}.meta.json")):
            remove(path)
            changes.add_deletion(path)

    def remove_version_and_record(bucket: str, key: str, version: str) -> None:
        remove_version(bucket, key, version)
        if path := s3._version_disk_path(bucket, key, version):
            changes.add_deletion(path)

    s3._persist_object, s3._atomic_write = persist_or_end, write
    s3._remove_key_files, s3._delete_version_file = remove_and_record, remove_version_and_record
