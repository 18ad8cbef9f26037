"""Runs invocations of functions/cacher in processes of their own, whose CPU time and memory are measured.

Each worker is `python -m benchmarks.cacher_worker`. It imports the deployed function's own code, with the
environment that the stack gives to the function. It reads a Lambda event from each line of its standard
input, invokes the handler, and writes a line with the results and the cost.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, cast

import boto3

from benchmarks.deployed import deployed_settings
from benchmarks.image_origin import ImageOrigin
from imagecache.clock import now
from imagecache.model.image import ImageMessage
from imagecache.queues.images import to_body
from local.deploy import DeployedStack
from local.stack import local_stack

_ROOT = Path(__file__).parent.parent
_FUNCTION = "CacherFunction"
_MILLISECONDS = 60_000

Record = dict[str, str]


@dataclass(frozen=True, slots=True)
class Invocation:
    """The outcome and the cost of one invocation.

    `results` has the result of each message, as the function logs it. `grown_mebibytes` is the peak of memory
    less what the process had before. `bytes_read` counts heads and bodies of the origin's answers.
    """

    results: list[str]
    wall_seconds: float
    cpu_seconds: float
    grown_mebibytes: float
    bytes_read: int


class Worker:
    """A process that takes the place of one execution environment of Lambda."""

    def __init__(
        self, stack: DeployedStack, *, at_once: int, counted_port: int = 0, aws_url: str = ""
    ) -> None:
        settings = deployed_settings(stack, _FUNCTION) | {"FETCHES_PER_INVOCATION": str(at_once)}
        if aws_url:
            settings |= {"AWS_ENDPOINT_URL_S3": aws_url, "AWS_ENDPOINT_URL_DYNAMODB": aws_url}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.cacher_worker", str(counted_port)],
            cwd=_ROOT,
            env=os.environ | stack.engine.environment | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def invoke(self, records: Sequence[Record]) -> Invocation:
        """Invokes the function with these messages. Raises ValueError if the process has failed."""
        events, answers = cast("tuple[IO[str], IO[str]]", (self._process.stdin, self._process.stdout))
        events.write(json.dumps({"Records": records}) + "\n")
        events.flush()
        return Invocation(**json.loads(answers.readline()))

    def close(self) -> None:
        """Ends the process."""
        self._process.terminate()
        self._process.communicate()


@contextlib.contextmanager
def running_workers(
    stack: DeployedStack, count: int, *, at_once: int, counted_port: int = 0, aws_url: str = ""
) -> Iterator[list[Worker]]:
    """Runs workers until the end of the block, each with `at_once` fetches at a time.

    They count what they read from connections to `counted_port` of the origin, and use the DynamoDB and S3 at
    `aws_url` instead of the engine's, if these are given.
    """
    started = [
        Worker(stack, at_once=at_once, counted_port=counted_port, aws_url=aws_url) for _ in range(count)
    ]
    try:
        yield started
    finally:
        for worker in started:
            worker.close()


def message_for(name: str, *, deferrals: int = 0) -> ImageMessage:
    """Returns the message that asks for the picture `name` of the origin."""
    return ImageMessage(f"bench/{name}", f"mxc://bench/{name}", now(), deferrals)


def record(name: str, *, deferrals: int = 0) -> Record:
    """Returns the record of an event with that message, as if it had come through the queue."""
    body = to_body(message_for(name, deferrals=deferrals))
    return {"messageId": name, "body": body, "receiptHandle": "none"}


@contextlib.contextmanager
def cacher_stack(origin: ImageOrigin) -> Iterator[DeployedStack]:
    """Deploys the template on the embedded engine, with this origin in the place of Beeper.

    The deployed cacher is stopped, so that only the workers of a benchmark receive its messages.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        local_stack(
            Path(folder), parameters={"BeeperUrl": origin.url}, secrets={"beeper-token": "token"}
        ) as stack,
    ):
        functions: Any = boto3.client("lambda", **stack.engine.access)
        for source in functions.list_event_source_mappings()["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=source["UUID"], Enabled=False)
        yield stack


class _Context:
    """The part of Lambda's context that the function uses."""

    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "benchmark"

    def __init__(self) -> None:
        self._ends_at = time.monotonic() + _MILLISECONDS / 1000

    def get_remaining_time_in_millis(self) -> int:
        return round((self._ends_at - time.monotonic()) * 1000)


def _count_reads(port: int) -> list[int]:
    """Counts the bytes of each later read from a connection to this port, in the list that is returned."""
    counts: list[int] = []
    receive = socket.socket.recv_into

    def counted(connection: socket.socket, *args: Any) -> int:
        count = receive(connection, *args)
        if connection.getpeername()[1] == port:
            counts.append(count)
        return count

    socket.socket.recv_into = counted  # type: ignore[method-assign,assignment]  # in this process alone
    return counts


def _peak_mebibytes() -> float:
    """Returns the largest resident size of this process since the last reset. Linux only."""
    return int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) / 1024


def _reset_peak() -> None:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # free memory within the process would hide a growth
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak becomes what is used now


def _results(log: str) -> list[str]:
    """Returns the results of all messages in the lines that the function has logged."""
    lines = [json.loads(line) for line in log.splitlines()]
    return [line["result"] for line in lines if line.get("message") == "image"]


def _serve() -> None:
    """Invokes the function for each line of the standard input."""
    # The function logs to the standard output, which becomes a file, so that its results can be read from it.
    answers = os.fdopen(os.dup(1), "w")
    with tempfile.TemporaryFile("w+") as log:
        os.dup2(log.fileno(), 1)
        sys.path.insert(0, str(_ROOT / "functions" / "cacher"))
        handler = importlib.import_module("app").handler
        port = int(sys.argv[1])
        reads = _count_reads(port) if port else []
        for event in sys.stdin:
            _reset_peak()
            before = _peak_mebibytes()
            reads.clear()
            place = os.lseek(1, 0, os.SEEK_END)
            started, cpu_started = time.monotonic(), time.process_time()
            handler(json.loads(event), _Context())
            invocation = Invocation(
                wall_seconds=time.monotonic() - started,
                cpu_seconds=time.process_time() - cpu_started,
                grown_mebibytes=_peak_mebibytes() - before,
                bytes_read=sum(reads),
                results=_results(os.pread(1, 1_000_000, place).decode()),
            )
            answers.write(json.dumps(asdict(invocation)) + "\n")
            answers.flush()


if __name__ == "__main__":
    _serve()
