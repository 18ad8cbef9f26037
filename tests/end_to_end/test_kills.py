"""Whatever was acknowledged survives SIGKILL of every process at any moment.

`make proof` kills 50 times; the suite, which must be quick, 8 times. The moments and the script follow from a
seed, which a failure names: `make proof SEED=...` repeats the script, but not the speed of the machine.
"""

import contextlib
import itertools
import json
import os
import random
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from demo.service import DemoAccount
from local.deploy import DeployedStack, deploy
from local.edge_server import EdgeServer
from local.edge_site import Site
from local.engine import Engine, running_engine
from local.processes import ChildError
from local.stack import STACK_NAME, release_sync_lock
from local.template import ROOT, read_template
from tests.end_to_end.conftest import wait_until
from tests.end_to_end.test_contacts import data_url

pytestmark = pytest.mark.engine

KILLS: Final = int(os.environ.get("PROOF_KILLS", "8"))
SEED: Final = int(os.environ.get("PROOF_SEED") or random.SystemRandom().randrange(10**6))
EARLY_KILLS = 0.25  # the share of kills that come before the script
MOST_STEPS = 9  # of the script, before it is killed
LATEST_SECONDS = 0.8
LONGEST_LOOK_SECONDS = 15
NOTE = "note of this test"
ADMIN = "admin-token-of-this-test"
# Short, because a killed worker has an image until its lease ends.
PARAMETERS = {"CacherTimeoutSeconds": "10", "ClaimLeaseSeconds": "12", "VisibilityTimeoutSeconds": "60"}


@dataclass
class Acknowledged:
    """What the API and the functions have acknowledged, and what was being changed when they were killed.

    `contacts` has the fields of each contact, or None if it was deleted. `deliveries` has, for each image
    that is cached, how often Beeper had delivered it by then. `unsure` has the ids and keys of a change that
    was not answered: it may have been made or not.
    """

    contacts: dict[str, str | None] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    deliveries: dict[str, int] = field(default_factory=dict)
    chats: set[str] = field(default_factory=set)
    note: str | None = None
    unsure: set[str] = field(default_factory=set)

    @property
    def summary(self) -> str:
        """How much of each kind was acknowledged."""
        return (
            f"{len(self.chats)} chats, {len(self.deliveries)} images, {len(self.contacts)} contacts,"
            f" {len(self.forgotten)} forgotten"
        )


class Run:
    """A running stack, and the tables and objects as they are in the engine."""

    def __init__(self, stack: DeployedStack, address: str) -> None:
        self.stack = stack
        self._address = address.rstrip("/")
        self._dynamodb: Any = boto3.client("dynamodb", **stack.engine.access)
        self._functions: Any = boto3.client("lambda", **stack.engine.access)
        self._s3: Any = boto3.client("s3", **stack.engine.access)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Returns the JSON of the API's answer to an admin. Raises HTTPError if it refuses."""
        request = urllib.request.Request(  # noqa: S310 - our own server
            self._address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {ADMIN}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
            return json.load(answer)

    def invoke(self, name: str, **event: Any) -> Any:
        """Returns the report of a function."""
        answer = self._functions.invoke(
            FunctionName=self.stack.outputs[name], Payload=json.dumps(event).encode()
        )
        report = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, report
        return report

    def write_note(self, text: str) -> None:
        """Writes a text into a row that only this test knows."""
        item = {"name": {"S": NOTE}, "text": {"S": text}}
        self._dynamodb.put_item(TableName=self.stack.resources["SyncStateTable"], Item=item)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Returns all rows of a table, with the text of each attribute that has one."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self.stack.resources[table])
        return [
            {name: next(iter(value.values())) for name, value in item.items()}
            for page in pages
            for item in page["Items"]
        ]

    def objects(self) -> set[str]:
        """Returns the keys of all objects in the bucket of images."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.stack.outputs["ImageBucket"])
        return {entry["Key"] for page in pages for entry in page.get("Contents", [])}


class Script:
    """Changes this and that in an order that chance decides, until the engine is killed."""

    def __init__(self, run: Run, demo: DemoAccount, known: Acknowledged, chance: random.Random) -> None:
        self._run = run
        self._demo = demo
        self._known = known
        self._chance = chance
        self._seen: dict[str, int] = {}

    def play(self, steps: int | None = None) -> None:
        """Plays so many steps, or until a request fails because the engine was killed."""
        choices = [
            self.sync,
            self.put,
            self.put,
            self.delete,
            self.look,
            self.forget,
            self.refresh,
            self.sweep,
        ]
        for _ in itertools.count() if steps is None else range(steps):
            self._chance.choice(choices)()

    def sync(self) -> None:
        report = self._run.invoke("SyncFunction", complete=self._chance.random() < 0.5)
        assert report["outcome"] in {"ok", "busy"}, report
        self._confirm()
        if report["outcome"] == "ok":
            self._known.chats |= {chat.id for chat in self._demo.account.chats}

    def put(self) -> None:
        contact = f"contact{self._chance.randrange(5)}"
        name = f"Name {self._chance.randrange(10**6)}"
        body = {"imageUrl": data_url(self._chance.randrange(256)), "fullName": name, "identifiers": {}}
        with self._changing(contact):
            self._run.ask("PUT", f"/api/contacts/{contact}", body | {"withoutSync": True})
            self._known.contacts[contact] = name

    def delete(self) -> None:
        if contact := self._any({name for name, value in self._known.contacts.items() if value}):
            with self._changing(contact):
                self._run.ask("DELETE", f"/api/contacts/{contact}")
                self._known.contacts[contact] = None

    def look(self) -> None:
        """Waits until one more image is cached. That it is, is acknowledged by the next change that is."""
        known = len(self._known.deliveries)
        deadline = time.monotonic() + LONGEST_LOOK_SECONDS
        while len(self._seen) <= known and time.monotonic() < deadline:
            rows = self._run.rows("CachedImagesTable")
            delivered = self._demo.hits.images()
            for row in rows:
                if row["status"] == "cached" and row["imageKey"] in delivered:
                    self._seen[row["imageKey"]] = delivered[row["imageKey"]]
            if not any(row["status"] == "pending" for row in rows):
                return

    def write(self) -> None:
        """Writes a row as functions do. Between its record and the answer is less time than in the API."""
        with self._changing(NOTE):
            text = str(self._chance.randrange(10**6))
            self._run.write_note(text)
            self._known.note = text

    def forget(self) -> None:
        if image := self._any(set(self._known.deliveries)):
            with self._changing(image):
                del self._known.deliveries[image]
                self._run.ask("POST", "/api/images/forget", {"sourceUrl": f"mxc://{image}"})
                self._known.forgotten.add(image)

    def refresh(self) -> None:
        if image := self._any(self._known.forgotten):
            with self._changing(image):
                self._run.ask("POST", "/api/images/refresh", {"sourceUrl": f"mxc://{image}"})
                self._known.forgotten.remove(image)

    def sweep(self) -> None:
        self._run.ask("POST", "/api/cleanup", {"dryRun": False})

    @contextlib.contextmanager
    def _changing(self, name: str) -> Iterator[None]:
        """Says that this contact or image is being changed, until the change is acknowledged."""
        self._known.unsure.add(name)
        self._seen.pop(name, None)
        try:
            yield
        except urllib.error.HTTPError as error:
            if error.code >= 500:  # otherwise it was refused, for example because a worker has the image
                raise
        self._known.unsure.remove(name)
        self._confirm()

    def _confirm(self) -> None:
        """Everything that was seen before a change was acknowledged is stored before that change."""
        for image, deliveries in self._seen.items():
            if image not in self._known.forgotten | self._known.unsure:
                self._known.deliveries.setdefault(image, deliveries)
        self._seen.clear()

    def _any(self, names: set[str]) -> str | None:
        return self._chance.choice(sorted(names)) if names else None


def compare(run: Run, demo: DemoAccount, known: Acknowledged) -> None:
    """Compares the state after a start with what was acknowledged, and notes what became of the unsure."""
    contacts = {row["contactId"]: row.get("fullName") for row in run.rows("ContactsTable")}
    images = {row["imageKey"]: row for row in run.rows("CachedImagesTable")}
    chats = {row["chatId"] for row in run.rows("BeeperChatsTable")}
    objects = run.objects()
    notes = [row["text"] for row in run.rows("SyncStateTable") if row["name"] == NOTE]
    for name in known.unsure:
        if name == NOTE:
            [known.note] = notes or [None]
        elif name.startswith("contact"):
            known.contacts[name] = contacts.get(name)
        elif name in images and images[name]["status"] == "forgotten":
            known.forgotten.add(name)
        else:
            known.forgotten.discard(name)
    known.unsure.clear()
    stored = {name: name_of for name, name_of in contacts.items() if name in known.contacts}
    assert stored == {name: value for name, value in known.contacts.items() if value}
    assert {key for key in known.forgotten if images[key]["status"] != "forgotten"} == set()
    assert known.chats <= chats
    assert notes == ([known.note] if known.note else [])
    delivered = demo.hits.images()
    again = {key: delivered[key] for key, count in known.deliveries.items() if delivered[key] != count}
    assert again == {}, "downloaded twice"
    assert {key for key in known.deliveries if images[key]["status"] != "cached"} == set()
    named = {row["blobId"] for row in images.values() if row["status"] == "cached"}
    assert {f"originals/{blob}" for blob in named} - objects == set(), "a row names what is not there"


def files(folder: Path) -> set[Path]:
    """Returns all files of objects, except of writes that were not finished."""
    return {file for file in (folder / "s3").rglob("originals/*") if file.suffix not in {".tmp", ".json"}}


class KilledError(Exception):
    """The engine was killed, as it was meant to be."""


def kill(engine: Engine) -> None:
    """Kills the engine and every function."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(engine.child.process_id, signal.SIGKILL)


def is_dead(engine: Engine) -> bool:
    """Returns whether the engine has ended. A request fails a moment before that can be seen."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            engine.child.check()
        except ChildError:
            return True
        time.sleep(0.05)
    return False


class Stack:
    """The stack in one folder, and what it has acknowledged. It is started, and killed, again and again."""

    def __init__(self, folder: Path, demo: DemoAccount, chance: random.Random) -> None:
        self._folder = folder
        self._demo = demo
        self._chance = chance
        self._deployed: DeployedStack | None = None
        self.known = Acknowledged()

    def play_until_killed(self) -> None:
        """Starts the stack, compares it with what was acknowledged, and plays the script until it is killed.

        Most kills come after some steps of the script: half of these at the moment when a change is
        acknowledged, half in the middle of the next steps. The others come at any time after the start, and
        the stack is deployed again then.
        """
        steps = self._chance.randrange(3, MOST_STEPS)
        late = self._chance.uniform(0, LATEST_SECONDS)
        kills_at_once = self._chance.random() < 0.5
        if is_early := self._chance.random() < EARLY_KILLS:
            self._deployed = None
        with (
            contextlib.suppress(KilledError),
            self.running(kill_after=late * 5 if is_early else None) as run,
        ):
            self.compare(run)
            script = self.script(run)
            script.play(steps)
            script.write()
            if kills_at_once:
                kill(run.stack.engine)
            else:
                threading.Timer(late, kill, [run.stack.engine]).start()
            script.play()

    @contextlib.contextmanager
    def running(self, *, kill_after: float | None = None) -> Iterator[Run]:
        """Runs the stack. Raises KilledError if anything fails because the engine was killed."""
        before = files(self._folder)
        with contextlib.ExitStack() as ending:
            engine = ending.enter_context(running_engine(self._folder))
            if kill_after is not None:
                timer = threading.Timer(kill_after, kill, [engine])
                ending.callback(timer.cancel)
                timer.start()
            try:
                stack = self._deploy(engine)
                release_sync_lock(stack)
                assert before <= files(self._folder), "a start deletes no picture"
                server = ending.enter_context(EdgeServer(0))
                address = ending.enter_context(server.serving())
                server.site = Site(stack)
                yield Run(stack, address)
            except AssertionError:
                raise
            except Exception as error:
                if not is_dead(engine):
                    raise
                raise KilledError from error

    def script(self, run: Run) -> Script:
        """Returns the script for a run."""
        return Script(run, self._demo, self.known, self._chance)

    def compare(self, run: Run) -> None:
        """Compares the state with what was acknowledged, and notes what became of the unsure."""
        compare(run, self._demo, self.known)

    def _deploy(self, engine: Engine) -> DeployedStack:
        """Deploys the stack, unless it is known that it was deployed: then it is in the state."""
        if self._deployed:
            return replace(self._deployed, engine=engine)
        self._deployed = deploy(
            engine,
            read_template(),
            root=ROOT,
            builds=ROOT / ".local" / "build",
            name=STACK_NAME,
            parameters=PARAMETERS | {"BeeperUrl": self._demo.beeper_url},
            secrets={
                "beeper-token": self._demo.beeper_token,
                "admin-token": ADMIN,
                "read-token": "token-of-a-reader",
            },
        )
        return self._deployed


# A kill leaves connections that nobody closes.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_whatever_was_acknowledged_survives_kills(tmp_path: Path) -> None:
    try:
        with DemoAccount(scale=0.02) as demo:
            stack = Stack(tmp_path, demo, random.Random(SEED))
            for _ in range(KILLS - 1):
                stack.play_until_killed()
            with contextlib.suppress(KilledError), stack.running() as run:
                stack.compare(run)
                # An image that was to be refreshed may have no message: a complete sync queues it.
                wait_until(
                    lambda: run.invoke("SyncFunction", complete=True)["outcome"] == "ok", what="a sync"
                )
                wait_until(lambda: not waiting(run), what="no image waits for ever")
                script = stack.script(run)
                script.look()
                script.write()
                kill(run.stack.engine)
                script.write()
            with stack.running() as run:
                stack.compare(run)
    except BaseException:
        sys.stderr.write(f"the seed is {SEED}: make proof SEED={SEED}\n")
        raise
    sys.stdout.write(f"{KILLS} kills with the seed {SEED}: {stack.known.summary}\n")
    assert stack.known.deliveries, "some images were cached, or little was compared"


def waiting(run: Run) -> set[str]:
    """Returns the images that are still to be downloaded."""
    return {row["imageKey"] for row in run.rows("CachedImagesTable") if row["status"] == "pending"}
