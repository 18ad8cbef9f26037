"""A stack without a tunnel: an agent beside Beeper syncs and caches, with a key that may do nothing else."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from demo.media import Media, Picture
from demo.service import DemoAccount
from deployment.agent_key import agent_credentials
from deployment.page import publish_page
from deployment.stack import CloudFormationStack
from imagecache_agent.status import AgentStatus, Phase, read_status
from local.deploy import DeployedStack, deploy
from local.edge_server import EdgeServer
from local.edge_site import Site
from local.engine import REGION
from local.stack import STACK_NAME, local_stack
from local.template import ROOT, read_template
from tests.end_to_end.conftest import LIMIT_SECONDS, wait_until
from tests.page.browser import FACE, opened_browser

pytestmark = pytest.mark.engine

NEW_PICTURE = Picture.remote(Media("local.beeper.com", "alex_new"))
MOST_SECONDS = 8.0  # of which the page may wait three for its next request
READER = "token-of-a-reader"
ADMIN = "admin-token-of-this-test"
# Short, because the images of an agent that was killed are reserved for it until its leases end.
PARAMETERS = {
    "Source": "agent",
    "CacherTimeoutSeconds": "5",
    "ClaimLeaseSeconds": "6",
    "VisibilityTimeoutSeconds": "30",
}
# The command, which takes a folder of this test for its clone.
COMMAND = (
    "import sys; from pathlib import Path; from imagecache_cli.app import main;"
    "from imagecache_cli.session import Outside;"
    "sys.exit(main(sys.argv[2:], Outside(clone=Path(sys.argv[1]))))"
)


@dataclass
class Laptop:
    """A computer with a clone and a Beeper. Its agent has no variable of this process."""

    clone: Path
    stack: DeployedStack
    demo: DemoAccount
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Runs `imagecache agent` in this clone."""
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", "-c", COMMAND, str(self.clone), "agent", *arguments],
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def start_until_ready(self) -> "subprocess.Popen[str]":
        process = self.start("--stack", STACK_NAME)
        assert process.stdout
        line = process.stdout.readline()
        if not line.startswith("ready "):
            pytest.fail(process.communicate(timeout=LIMIT_SECONDS)[1])
        return process

    @property
    def status(self) -> AgentStatus:
        """What the agent has recorded of itself."""
        status = read_status(self.clone / ".local" / "agent" / STACK_NAME / "status.json")
        assert status
        return status

    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "HOME": str(self.clone),
            "AWS_ENDPOINT_URL": self.stack.engine.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "BEEPER_URL": self.demo.beeper_url,
            "BEEPER_TOKEN": self.demo.beeper_token,
        }


@dataclass(frozen=True)
class World:
    """A stack with Source=agent, its API, and the laptop with Beeper."""

    stack: DeployedStack
    address: str
    laptop: Laptop
    demo: DemoAccount

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Returns the JSON of the API's answer to an admin."""
        request = urllib.request.Request(  # noqa: S310 - our own server
            self.address.rstrip("/") + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {ADMIN}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
            return json.load(answer)

    def images(self) -> dict[str, str]:
        """Returns image key → status of every image."""
        dynamodb = boto3.client("dynamodb", **self.stack.engine.access)
        pages = dynamodb.get_paginator("scan").paginate(TableName=self.stack.resources["CachedImagesTable"])
        return {item["imageKey"]["S"]: item["status"]["S"] for page in pages for item in page["Items"]}

    def cached(self) -> set[str]:
        return {key for key, status in self.images().items() if status == "cached"}


def make_laptop(folder: Path, stack: DeployedStack, demo: DemoAccount) -> Laptop:
    folder.mkdir()
    (folder / "template.yaml").touch()  # this makes it a clone
    return Laptop(folder, stack, demo)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with ExitStack() as ending:
        demo = ending.enter_context(DemoAccount(scale=0.02))
        demo.chat_api.lists_contacts = False  # the engine needs long for 1,500
        stack = ending.enter_context(
            local_stack(
                tmp_path / "engine",
                parameters=PARAMETERS,
                secrets={"admin-token": ADMIN, "read-token": READER},
            )
        )
        server = ending.enter_context(EdgeServer(0))
        address = ending.enter_context(server.serving())
        server.site = Site(stack)
        laptop = make_laptop(tmp_path / "laptop", stack, demo)
        # As `make agent-credentials` on this laptop, by somebody who may do everything.
        monkeypatch.setattr("deployment.agent_key.ROOT", laptop.clone)
        for name, value in stack.engine.environment.items():
            monkeypatch.setenv(name, value)
        agent_credentials(CloudFormationStack(boto3.Session(region_name=REGION), STACK_NAME), {})
        try:
            yield World(stack, address, laptop, demo)
        finally:
            for process in laptop.started:
                process.kill()
                process.communicate()
            # It would wait for the long polls of the agent that was killed.
            stack.engine.child.kill()


def test_an_agent_that_is_killed_while_it_caches_loses_nothing_and_downloads_nothing_twice(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    assert world.ask("GET", "/api/status")["agent"]["state"] == "never"
    agent = world.laptop.start_until_ready()
    wait_until(lambda: len(world.cached()) > random.randrange(3), what="the agent caches")
    agent.kill()
    agent.wait()
    cached_before = world.cached()

    agent = world.laptop.start_until_ready()
    # A sync that the API is asked for is carried out at once, although the agent was just killed in one.
    job_id = world.ask("POST", "/api/sync", {"complete": True})["jobId"]
    wait_until(
        lambda: world.ask("GET", f"/api/jobs/{job_id}")["status"] == "done", what="the agent does the job"
    )
    assert world.ask("GET", f"/api/jobs/{job_id}")["result"]["outcome"] == "ok"
    wait_until(lambda: "pending" not in world.images().values(), what="every image is settled")

    deliverable = set(world.demo.account.deliverable())
    assert deliverable <= world.cached()
    delivered = world.demo.hits.images()
    assert {key: delivered[key] for key in cached_before & deliverable if delivered[key] != 1} == {}
    assert (world.laptop.status.phase, world.laptop.status.last_sync) == (Phase.RUNNING, "ok")
    assert world.ask("GET", "/api/status")["agent"]["state"] == "running"

    seconds = show_a_new_face(world)
    record_property("measured", f"a new face is on the open page after {seconds:.1f} s")
    assert seconds < MOST_SECONDS

    # It stops in order, and says so.
    agent.send_signal(signal.SIGTERM)
    _, log = agent.communicate(timeout=LIMIT_SECONDS)
    assert agent.returncode == 0, log
    assert world.demo.beeper_token not in log
    assert world.ask("GET", "/api/status")["agent"]["state"] == "stopped"
    assert world.laptop.status.phase is Phase.STOPPED
    change_to_a_tunnel_and_lose_nothing(world)


def show_a_new_face(world: World) -> float:
    """Changes the picture of a person, and returns the seconds until an open page shows the new one."""
    wait_until(lambda: world.demo.events.clients == 1, what="the agent listens to Beeper")
    publish_page(
        boto3.client("s3", **world.stack.engine.access), world.stack.outputs["WebBucket"], ROOT / "web"
    )
    chat_id, person_id = next(
        (chat["chatId"], person["participantId"])
        for chat in world.ask("GET", "/api/chats?limit=50&participants=2&participantFields=all")["chats"]
        if chat["type"] == "single" and chat["image"].get("source") == "participant"
        for person in chat["participants"]
        if not person.get("isSelf")
    )

    def seconds_until_shown() -> float:
        with opened_browser() as browser:
            page = browser.new_page()
            page.set_default_timeout(LIMIT_SECONDS * 1000)
            page.add_init_script(f"sessionStorage.setItem('read-token', '{READER}')")
            page.goto(world.address)
            page.wait_for_function(FACE, arg=chat_id)
            before = page.evaluate(FACE, chat_id)
            started = time.monotonic()
            world.demo.account.set_avatar(person_id, NEW_PICTURE)
            page.wait_for_function(
                f"([chatId, before]) => ![null, before].includes(({FACE})(chatId))", arg=[chat_id, before]
            )
            return time.monotonic() - started

    # In a thread of its own, because a thread can have only one Playwright, and other tests use one, too.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(seconds_until_shown).result()


def change_to_a_tunnel_and_lose_nothing(world: World) -> None:
    """Deploys the running stack with the other source: functions do what was queued for the agent."""
    image = min(world.demo.account.deliverable())
    world.ask("POST", "/api/images/refresh", {"sourceUrl": f"mxc://{image}"})
    images = world.images()
    delivered = world.demo.hits.images()[image]

    stack = deploy(
        world.stack.engine,
        read_template(),
        root=ROOT,
        builds=ROOT / ".local" / "build",
        name=STACK_NAME,
        parameters={**PARAMETERS, "Source": "tunnel", "BeeperUrl": world.demo.beeper_url},
        secrets={
            "admin-token": ADMIN,
            "read-token": READER,
            "beeper-token": world.demo.beeper_token,
        },
    )

    assert (stack.resources, world.images()) == (world.stack.resources, images)
    wait_until(lambda: world.demo.hits.images()[image] == delivered + 1, what="a function fetches the image")
    assert world.ask("GET", "/api/status")["agent"] is None
    sync = boto3.client("lambda", **stack.engine.access).invoke(FunctionName=stack.outputs["SyncFunction"])
    assert json.loads(sync["Payload"].read())["outcome"] == "ok"
