"""`make bench ONLY=sync` syncs 5,000 chats with 60,000 participants into the embedded engine.

It measures how long that takes and how many requests it needs. The first, complete run is the deployed
function itself. The runs over unchanged chats are the same use case in this process, so that its AWS calls
can be counted.
"""

import json
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config as BotoConfig

from benchmarks.deployed import counting_clients, deployed_config
from benchmarks.results import Result
from demo.account import DEFAULT_NOW
from demo.chats import Chat, Network, Person
from demo.media import Media, Picture
from demo.service import DemoAccount
from imagecache.clock import now
from imagecache.sources.beeper.chats import ChatApi
from imagecache.wiring import Wiring
from local.deploy import DeployedStack
from local.stack import local_stack

_NETWORK = Network("WhatsApp", "whatsapp")
_SMALLEST_DEMO_SCALE = 0.03
_TIME_LIMIT_MS = 900_000
_LONGEST_INVOCATION_SECONDS = 950
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


def run(size: Size = _FULL_SIZE) -> Result:
    """Returns the figures of a first run, and of an incremental and a complete run without changes."""
    with tempfile.TemporaryDirectory() as folder, DemoAccount(scale=_SMALLEST_DEMO_SCALE) as demo:
        parameters = {"BeeperUrl": demo.beeper_url}
        secrets = {"beeper-token": demo.beeper_token}
        with local_stack(Path(folder), parameters=parameters, secrets=secrets) as stack:
            return Result(_measure(stack, demo, size))


def _measure(stack: DeployedStack, demo: DemoAccount, size: Size) -> dict[str, Any]:
    _disable_the_cacher(stack)
    _fill(demo, size)
    participants = sum(len(chat.people) for chat in demo.account.chats)
    result: dict[str, Any] = {"participants": participants, "chats": len(demo.account.chats)}
    started = time.monotonic()
    result["firstRun"] = _invoke(stack)
    result["firstRunSeconds"] = round(time.monotonic() - started, 1)
    for name, complete in (("unchangedIncremental", False), ("unchangedComplete", True)):
        demo.hits.reset()
        calls: Counter[str] = Counter()
        started = time.monotonic()
        report = _sync_in_this_process(stack, demo, calls, complete=complete)
        hits = demo.hits.as_json()
        result[name] = {
            "seconds": round(time.monotonic() - started, 1),
            "outcome": report["outcome"],
            "changed": report["changed"],
            "requestsToBeeper": {"chats": hits["chats"], "chat": hits["chat"]},
            "awsCalls": dict(calls),
        }
    return result


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


def _invoke(stack: DeployedStack) -> list[dict[str, Any]]:
    """Invokes the deployed function until it has read everything, and returns the report of each invocation.

    Raises RuntimeError if the function fails.
    """
    patient = BotoConfig(read_timeout=_LONGEST_INVOCATION_SECONDS, retries={"total_max_attempts": 1})
    functions = boto3.client("lambda", **{**stack.engine.access, "config": patient})
    reports: list[dict[str, Any]] = []
    while not reports or reports[-1]["outcome"] in {"unfinished", "busy"}:
        answer = functions.invoke(FunctionName=stack.outputs["SyncFunction"], Payload="{}")
        report = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise RuntimeError(report)
        reports.append(report)
    return reports


def _sync_in_this_process(
    stack: DeployedStack, demo: DemoAccount, calls: Counter[str], *, complete: bool
) -> dict[str, Any]:
    """Runs the use case of the deployed function, counts its AWS calls, and returns its report."""
    make_client = counting_clients(calls, stack.engine.access)
    chat_sync = Wiring(deployed_config(stack, "SyncFunction"), make_client=make_client, clock=now).chat_sync
    with requests.Session() as session:
        secrets = {"beeper-token": demo.beeper_token}
        chat_api = ChatApi(base_url=demo.beeper_url, secrets=secrets, session=session)
        return asdict(chat_sync.run(chat_api, remaining_ms=lambda: _TIME_LIMIT_MS, complete=complete))
