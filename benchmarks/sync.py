"""`make bench ONLY=sync` measures first runs of sync, and runs over chats that have not changed.

An account of 5,000 chats with 60,000 participants is synced into the embedded engine, which shows how long a
run takes; much of this time is the engine's. How the requests, CPU time and memory of a first run grow with
the number of chats is measured with empty tables (see `benchmarks.empty_tables`). Each run is the use case of
the deployed function, in a process of its own.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3

from benchmarks.deployed import counting_clients, deployed_settings
from benchmarks.empty_tables import with_empty_tables
from benchmarks.results import Result, Target
from benchmarks.running import cpu_seconds, peak_megabytes
from demo.account import DEFAULT_NOW
from demo.chats import Chat, Network, Person
from demo.media import Media, Picture
from demo.service import DemoAccount
from imagecache.aws_clients import client_maker
from imagecache.aws_requests import function_clients
from imagecache.clock import now
from imagecache.config import Config
from imagecache.sources.beeper.chats import ChatApi
from imagecache.sources.transport import punctual_session
from imagecache.wiring import Wiring
from local.deploy import DeployedStack
from local.stack import local_stack

_NETWORK = Network("WhatsApp", "whatsapp")
_SMALLEST_DEMO_SCALE = 0.03
_TIME_LIMIT_MS = 900_000
# Neighbouring groups share most of their members.
_DISTANCE_OF_GROUPS = 66


@dataclass(frozen=True, slots=True)
class Size:
    """The size of the account. `members` is the number of members of a group, its owner included."""

    single_chats: int = 4_400
    groups: int = 600
    members: int = 85

    @property
    def people(self) -> int:
        return max(self.single_chats, self.groups * _DISTANCE_OF_GROUPS + self.members)


_FULL_SIZE = Size()
_GROWING_SIZES = tuple(
    Size(single_chats=chats * 22 // 25, groups=chats * 3 // 25, members=25) for chats in (500, 5_000, 20_000)
)


def run(size: Size = _FULL_SIZE, growing_sizes: tuple[Size, ...] = _GROWING_SIZES) -> Result:
    """Returns the figures of all runs."""
    with tempfile.TemporaryDirectory() as folder, DemoAccount(scale=_SMALLEST_DEMO_SCALE) as demo:
        parameters = {"BeeperUrl": demo.beeper_url}
        secrets = {"beeper-token": demo.beeper_token}
        with local_stack(Path(folder), parameters=parameters, secrets=secrets) as stack:
            _disable_the_cacher(stack)
            _fill(demo, size)
            settings = deployed_settings(stack, "SyncFunction") | stack.engine.environment
            figures = _measure(stack, demo, settings)
    figures["firstRunsWithEmptyTables"] = [_measure_first_run(each, settings) for each in growing_sizes]
    return Result(figures, _targets(figures))


def _targets(figures: Mapping[str, Any]) -> list[Target]:
    def seconds(what: str, limit: float, measured: float) -> Target:
        return Target(what, limit, measured, "s", takes_time=True)

    first, complete = figures["firstRun"], figures["unchangedComplete"]
    return [
        seconds(f"first sync of {figures['chats']:,} chats", 90, first["seconds"]),
        seconds("sync of all chats, unchanged", 5, complete["seconds"]),
    ]


def _measure(stack: DeployedStack, demo: DemoAccount, settings: Mapping[str, str]) -> dict[str, Any]:
    """Returns the figures of a first run, and of an incremental and a complete run without changes."""
    figures: dict[str, Any] = _size_of(demo)
    for name, complete in (("firstRun", False), ("unchangedIncremental", False), ("unchangedComplete", True)):
        engine_before = cpu_seconds(stack.engine.child.process_id)
        figures[name] = _run_in_another_process(demo, settings, complete=complete)
        engine_seconds = cpu_seconds(stack.engine.child.process_id) - engine_before
        figures[name]["engineCpuSeconds"] = round(engine_seconds, 1)
    return figures


def _measure_first_run(size: Size, settings: Mapping[str, str]) -> dict[str, Any]:
    with DemoAccount(scale=_SMALLEST_DEMO_SCALE) as demo:
        demo.chat_api.lists_contacts = False
        _fill(demo, size)
        return _size_of(demo) | _run_in_another_process(demo, {**settings, "EMPTY_TABLES": "1"})


def _size_of(demo: DemoAccount) -> dict[str, int]:
    chats = demo.account.chats
    return {"chats": len(chats), "participants": sum(len(chat.people) for chat in chats)}


def _fill(demo: DemoAccount, size: Size) -> None:
    """Adds single chats, and groups whose members have single chats, too."""
    owner = Person("@me:beeper.local", full_name="Me", is_self=True)
    people = [_person(number) for number in range(size.people)]
    for number in range(size.single_chats):
        _add_chat(demo, number, (owner, people[number]))
    for number in range(size.groups):
        first = number * _DISTANCE_OF_GROUPS
        members = people[first : first + size.members - 1]
        _add_chat(demo, size.single_chats + number, (owner, *members))


def _person(number: int) -> Person:
    """Returns a person. Every third has a picture."""
    picture = Picture.remote(Media("local.beeper.com", f"alex_{number}")) if number % 3 == 0 else None
    return Person(f"@{number}:beeper.local", full_name=f"Person {number}", picture=picture)


def _add_chat(demo: DemoAccount, number: int, people: tuple[Person, ...]) -> None:
    demo.account.add_chat(
        Chat(
            id=f"!{number}:beeper.local",
            local_id=str(number),
            network=_NETWORK,
            title=f"Chat {number}",
            is_group=len(people) > 2,
            people=people,
            last_activity=DEFAULT_NOW - timedelta(minutes=number),
        )
    )


def _disable_the_cacher(stack: DeployedStack) -> None:
    """Stops the cacher, which would fetch thousands of pictures at the same time."""
    functions = boto3.client("lambda", **stack.engine.access)
    for source in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=source["UUID"], Enabled=False)


def _run_in_another_process(
    demo: DemoAccount, settings: Mapping[str, str], *, complete: bool = False
) -> dict[str, Any]:
    """Returns the figures of one run, which must end with `ok`. Raises RuntimeError if it does not."""
    demo.hits.reset()
    environment = {
        **os.environ,
        **settings,
        "BEEPER_URL": demo.beeper_url,
        "BEEPER_TOKEN": demo.beeper_token,
        "COMPLETE": "1" if complete else "",
    }
    command = [sys.executable, "-m", "benchmarks.sync"]
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    figures: dict[str, Any] = json.loads(output)
    if figures["outcome"] != "ok":
        raise RuntimeError(f"the sync has ended with {figures['outcome']}")
    hits = demo.hits.as_json()
    return figures | {"requestsToBeeper": {"chats": hits["chats"], "chat": hits["chat"]}}


def _sync_in_this_process() -> dict[str, Any]:
    """Syncs what the environment describes, and returns the figures of this process."""
    calls: Counter[str] = Counter()
    if os.environ.get("EMPTY_TABLES"):
        make_client = with_empty_tables(counting_clients(calls, client_maker()))
    else:
        make_client = counting_clients(calls, function_clients(os.environ, clock=now))
    chat_sync = Wiring(Config.from_env(os.environ), make_client=make_client, clock=now).chat_sync
    secrets = {"beeper-token": os.environ["BEEPER_TOKEN"]}
    megabytes_before = peak_megabytes()
    started, cpu_started = time.monotonic(), time.process_time()
    with punctual_session() as session:
        chat_api = ChatApi(base_url=os.environ["BEEPER_URL"], secrets=secrets, session=session)
        report = chat_sync.run(
            chat_api, remaining_ms=lambda: _TIME_LIMIT_MS, complete=bool(os.environ["COMPLETE"])
        )
    return {
        "seconds": round(time.monotonic() - started, 1),
        "cpuSeconds": round(time.process_time() - cpu_started, 1),
        "peakMegabytes": peak_megabytes(),
        "megabytesBefore": megabytes_before,
        "outcome": report.outcome,
        "changed": report.changed,
        "queued": report.queued,
        "awsCalls": dict(sorted(calls.items())),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_sync_in_this_process()))
