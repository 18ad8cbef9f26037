"""Runs `make run` once for all tests of the API, with a small account that the tests' process serves.

Where AWS's own DynamoDB Local can run, it answers in place of the engine's tables.
"""

import http.client
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from demo.dex import FakeDex
from demo.listener import Listener
from demo.service import DemoAccount
from imagecache.model.access import Role
from tests.dynamodb_local.program import emulator
from tests.end_to_end.conftest import LIMIT_SECONDS, Clone, wait_until
from tests.end_to_end.on_dynamodb_local import dynamodb_local_below

DEX_KEY = "d3x"
PAGE = "http://localhost:3000"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API. `headers` are keyed by name in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Api:
    """A client of the API behind the local server. It records every answer."""

    port: int
    tokens: Mapping[Role, str]
    answers: list[Answer] = field(default_factory=list)

    def ask(
        self,
        method: str,
        path: str,
        sent: Any = None,
        *,
        role: Role = Role.ADMIN,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends a request with the token of a role, or without one, and returns the answer."""
        all_headers = dict(headers or {})
        if role is not Role.NONE:
            all_headers["Authorization"] = f"Bearer {self.tokens[role]}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)
        with closing(connection):
            connection.request(method, path, None if sent is None else json.dumps(sent), all_headers)
            response = connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, received, response.read())
        self.answers.append(answer)
        return answer

    def get(self, path: str, role: Role = Role.READ) -> Any:
        """Returns the JSON of a GET, which must succeed."""
        answer = self.ask("GET", path, role=role)
        assert answer.status == 200, (path, answer.body)
        return answer.json

    def post(self, path: str, **sent: Any) -> Any:
        """Returns the JSON of an admin's POST, which must succeed."""
        answer = self.ask("POST", path, sent)
        assert answer.status in {200, 202}, (path, answer.body)
        return answer.json

    def pages(self, path: str, *, cursor: str = "cursor", next_cursor: str = "nextCursor") -> Iterator[Any]:
        """Yields every page of a listing. `path` must have a query."""
        page = self.get(path)
        yield page
        while following := page[next_cursor]:
            page = self.get(f"{path}&{cursor}={following}")
            yield page

    def job(self, path: str, **sent: Any) -> dict[str, Any]:
        """Starts a job by a POST to `path`, waits until it is over, and returns it."""
        return self.wait_for(self.post(path, **sent)["jobId"])

    def wait_for(self, job_id: str) -> dict[str, Any]:
        """Waits until the job is over, and returns it."""
        job: dict[str, Any] = {}

        def is_over() -> bool:
            job.update(self.get(f"/api/jobs/{job_id}", Role.ADMIN))
            return job["status"] in {"done", "failed"}

        wait_until(is_over, what=f"job {job_id} is over")
        return job

    def sync(self) -> dict[str, Any]:
        """Runs a complete sync and returns its job. Tries again while another sync is running."""
        while (job := self.job("/api/sync", complete=True))["result"]["outcome"] == "busy":
            pass
        return job

    def image(self, source_url: str) -> dict[str, Any]:
        """Returns what a look-up says of one URL."""
        images: dict[str, dict[str, Any]] = self.post("/api/images/lookup", sourceUrls=[source_url])["images"]
        return images[source_url]

    def wait_until_cached(self, source_url: str) -> dict[str, Any]:
        """Waits until the image is cached, and returns what a look-up then says of it."""
        wait_until(lambda: self.image(source_url)["status"] == "cached", what=f"{source_url} is cached")
        return self.image(source_url)


@dataclass(slots=True)
class Running:
    """A running stack with a client of its API and the account that it reads."""

    clone: Clone
    api: Api
    demo: DemoAccount
    process: "subprocess.Popen[str]"
    dynamodb_local: Path | None
    """The socket of DynamoDB Local, or None if the engine's own tables are used."""

    def end(self) -> tuple[str, str]:
        """Stops the stack. Returns what it wrote to stdout after it was ready, and its whole stderr."""
        self.process.terminate()
        return self.process.communicate(timeout=LIMIT_SECONDS)

    @property
    def engine(self) -> dict[str, Any]:
        """Returns the keywords for `boto3.client`, for what the API does not offer."""
        engine = self.clone.access["engine"]
        return {
            "endpoint_url": engine["endpoint"],
            "aws_access_key_id": "any",
            "aws_secret_access_key": "any",
            "aws_session_token": engine["sessionToken"],
        }

    def hits(self, key: str) -> int:
        """Returns how often the account has delivered this image."""
        return self.demo.hits.images().get(key, 0)


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    clone = Clone(tmp_path_factory.mktemp("api").resolve() / "clone")
    folder = emulator()
    with ExitStack() as stack:
        dynamodb_local = stack.enter_context(dynamodb_local_below(clone, folder)) if folder else None
        demo = stack.enter_context(DemoAccount(scale=0.2))
        # A contact with the same phone number would show the picture that a person with a new id has lost.
        demo.chat_api.lists_contacts = False
        dex = stack.enter_context(dex_without_contacts())
        clone.edit("local/run.py", '"https://api.getdex.com"', repr(dex))
        process = clone.run_until_ready(
            BEEPER_URL=demo.beeper_url,
            BEEPER_TOKEN=demo.beeper_token,
            DEX_API_KEY=DEX_KEY,
            ALLOWED_ORIGINS=PAGE,
        )
        tokens = {Role.READ: clone.read_token, Role.ADMIN: clone.admin_token}
        api = Api(clone.port, tokens)
        try:
            wait_until(lambda: all_settled(clone), what="the first sync and its pictures")
            yield Running(clone, api, demo, process, dynamodb_local)
        finally:
            clone.end()


@contextmanager
def dex_without_contacts() -> Iterator[str]:
    """Serves Dex to a person without contacts, and yields the address."""
    listener = Listener(0, FakeDex([], key=DEX_KEY))
    listener.start()
    yield listener.url
    listener.stop()


def all_settled(clone: Clone) -> bool:
    """Returns whether a sync is complete and no image is pending."""
    return clone.first_sync_is_over() and not clone.get("/api/stats")["pending"]


@pytest.fixture(scope="package")
def api(running: Running) -> Api:
    return running.api
