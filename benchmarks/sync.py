"""5,000 chats with 60,000 participants into the embedded engine: how long, and how many requests.

The first, complete run is the deployed function itself; the runs over unchanged chats are the same use case
in this process, so that its AWS calls can be counted.
"""

import json
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config as BotoConfig

from benchmarks.deployed import deployed_config
from demo.account import DEFAULT_NOW
from demo.chats import Chat, Network, Person
from demo.media import Media, Picture
from demo.service import DemoAccount
from imagecache.clock import now
from imagecache.sources.beeper.chat_api import ChatApi
from imagecache.wiring import Wiring
from local.deploy import Stack
from local.stack import local_stack

_SINGLES, _GROUPS, _MEMBERS = 4400, 600, 85
_NETWORK = Network("WhatsApp", "whatsapp")


def fill(demo: DemoAccount) -> int:
    """The account; returns how many participants it has. Every third person has a picture."""
    me = Person("@me:beeper.local", full_name="Me", is_self=True)
    crowd = [_person(number) for number in range(40_000)]
    for number in range(_SINGLES):
        _add(demo, number, (me, crowd[number]))
    for number in range(_GROUPS):
        start = number * 66
        _add(demo, _SINGLES + number, (me, *crowd[start : start + _MEMBERS - 1]))
    return sum(len(chat.people) for chat in demo.account.chats)


def _person(number: int) -> Person:
    picture = Picture.remote(Media("local.beeper.com", f"alex_{number}")) if number % 3 == 0 else None
    return Person(f"@{number}:beeper.local", full_name=f"Person {number}", picture=picture)


def _add(demo: DemoAccount, number: int, people: tuple[Person, ...]) -> None:
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


def measure(stack: Stack, demo: DemoAccount) -> dict[str, Any]:
    _let_the_cacher_rest(stack)
    result: dict[str, Any] = {"participants": fill(demo), "chats": len(demo.account.chats)}
    started = time.monotonic()
    result["firstRun"] = _invoke(stack)
    result["firstRunSeconds"] = round(time.monotonic() - started, 1)
    for name, complete in (("unchangedIncremental", False), ("unchangedComplete", True)):
        demo.hits.reset()
        calls: Counter[str] = Counter()
        started = time.monotonic()
        report = _in_process(stack, demo, calls, complete=complete)
        hits = demo.hits.as_json()
        result[name] = {
            "seconds": round(time.monotonic() - started, 1),
            "outcome": report["outcome"],
            "changed": report["changed"],
            "requestsToBeeper": {"chats": hits["chats"], "chat": hits["chat"]},
            "awsCalls": dict(calls),
        }
    return result


def _let_the_cacher_rest(stack: Stack) -> None:
    """Thousands of pictures would be fetched beside it: that is measured elsewhere."""
    functions = boto3.client("lambda", **stack.engine.access)
    for source in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=source["UUID"], Enabled=False)


def _invoke(stack: Stack) -> list[dict[str, Any]]:
    """The deployed function until it is done: a report per invocation, which ends within 15 minutes."""
    patient = BotoConfig(read_timeout=950, retries={"total_max_attempts": 1})
    functions = boto3.client("lambda", **{**stack.engine.access, "config": patient})
    reports: list[dict[str, Any]] = []
    while not reports or reports[-1]["outcome"] in {"unfinished", "busy"}:
        answer = functions.invoke(FunctionName=stack.outputs["SyncFunction"], Payload="{}")
        report = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise RuntimeError(report)
        reports.append(report)
    return reports


def _in_process(stack: Stack, demo: DemoAccount, calls: Counter[str], *, complete: bool) -> dict[str, Any]:
    def client(service: str) -> Any:
        made: Any = boto3.client(service, **stack.engine.access)  # type: ignore[call-overload]  # a name that varies
        made.meta.events.register("before-call.*.*", lambda model, **_: calls.update([model.name]))
        return made

    sync = Wiring(deployed_config(stack, "SyncFunction"), make_client=client, clock=now).chat_sync
    with requests.Session() as session:
        secrets = {"beeper-token": demo.beeper_token}
        api = ChatApi(base_url=demo.beeper_url, secrets=secrets, session=session)
        return asdict(sync.run(api, remaining_ms=lambda: 900_000, complete=complete))


def run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, DemoAccount(scale=0.03) as demo:
        parameters, secrets = {"BeeperUrl": demo.beeper_url}, {"beeper-token": demo.beeper_token}
        with local_stack(Path(folder), parameters=parameters, secrets=secrets) as stack:
            return measure(stack, demo)
