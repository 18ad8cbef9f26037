"""One `make run` for all tests of the API: it reads a small account that lives in the tests' own process."""

import http.client
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from demo.service import DemoAccount
from imagecache.model.access import Role
from tests.end_to_end.conftest import Clone, wait_until

PAGE = "http://localhost:3000"


@dataclass(frozen=True, slots=True)
class Answer:
    """As it came over the wire; `headers` by their names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Api:
    """The API behind the local server, asked with a token of the stack or with none. Keeps what it heard."""

    port: int
    tokens: Mapping[Role, str]
    heard: list[Answer] = field(default_factory=list)

    def ask(
        self,
        method: str,
        path: str,
        sent: Any = None,
        *,
        role: Role = Role.ADMIN,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        asked = dict(headers or {})
        if role is not Role.NONE:
            asked["Authorization"] = f"Bearer {self.tokens[role]}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)
        with closing(connection):
            connection.request(method, path, None if sent is None else json.dumps(sent), asked)
            response = connection.getresponse()
            known = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, known, response.read())
        self.heard.append(answer)
        return answer

    def get(self, path: str, role: Role = Role.READ) -> Any:
        """The JSON of a GET that must succeed."""
        answer = self.ask("GET", path, role=role)
        assert answer.status == 200, (path, answer.body)
        return answer.json

    def post(self, path: str, **sent: Any) -> Any:
        """The JSON of an admin's POST that must succeed."""
        answer = self.ask("POST", path, sent)
        assert answer.status in {200, 202}, (path, answer.body)
        return answer.json

    def pages(self, path: str, *, cursor: str = "cursor", next_cursor: str = "nextCursor") -> Iterator[Any]:
        """Every page of a listing; `path` has a query."""
        page = self.get(path)
        yield page
        while following := page[next_cursor]:
            page = self.get(f"{path}&{cursor}={following}")
            yield page

    def job(self, path: str, **sent: Any) -> dict[str, Any]:
        """A job of this route when it is over."""
        return self.wait_for(self.post(path, **sent)["jobId"])

    def wait_for(self, job_id: str) -> dict[str, Any]:
        """The job when it is over."""
        told: dict[str, Any] = {}

        def over() -> bool:
            told.update(self.get(f"/api/jobs/{job_id}", Role.ADMIN))
            return told["status"] in {"done", "failed"}

        wait_until(over, seconds=60, what=f"job {job_id} is over")
        return told

    def sync(self) -> dict[str, Any]:
        """A job that has read everything: not one that found another run at it."""
        while (job := self.job("/api/sync", complete=True))["result"]["outcome"] == "busy":
            pass
        return job

    def image(self, source_url: str) -> dict[str, Any]:
        """What a look-up says of one URL."""
        found: dict[str, Any] = self.post("/api/images/lookup", sourceUrls=[source_url])["images"][source_url]
        return found

    def wait_until_cached(self, source_url: str) -> dict[str, Any]:
        wait_until(
            lambda: self.image(source_url)["status"] == "cached", seconds=60, what=f"{source_url} is cached"
        )
        return self.image(source_url)


@dataclass(slots=True)
class Running:
    """The stack, whom to ask, and what it reads."""

    clone: Clone
    api: Api
    demo: DemoAccount
    process: "subprocess.Popen[str]"

    def end(self) -> tuple[str, str]:
        """Stop it; what it said on stdout since it was ready, and on stderr."""
        self.process.terminate()
        return self.process.communicate(timeout=60)

    @property
    def engine(self) -> dict[str, Any]:
        """Returns the keywords for `boto3.client`, for what no route leads to."""
        engine = json.loads((self.clone.root / ".local" / "access.json").read_text())["engine"]
        return {
            "endpoint_url": engine["endpoint"],
            "aws_access_key_id": "any",
            "aws_secret_access_key": "any",
            "aws_session_token": engine["sessionToken"],
        }

    def hits(self, key: str) -> int:
        """How often the account has delivered this image."""
        return self.demo.hits.images().get(key, 0)


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    clone = Clone(tmp_path_factory.mktemp("api").resolve() / "clone")
    with DemoAccount(scale=0.2) as demo:
        process = clone.run_until_ready(
            BEEPER_URL=demo.beeper_url, BEEPER_TOKEN=demo.beeper_token, ALLOWED_ORIGINS=PAGE
        )
        tokens = {Role.READ: clone.read_token, Role.ADMIN: clone.admin_token}
        api = Api(clone.port, tokens)
        try:
            wait_until(lambda: all_settled(api), seconds=90, what="the first sync and its pictures")
            yield Running(clone, api, demo, process)
        finally:
            clone.end()


def all_settled(api: Api) -> bool:
    """Everything is read, and every image cached or failed."""
    stats = api.get("/api/stats")
    return stats["lastSync"]["completedAt"] is not None and not stats["pending"]


@pytest.fixture(scope="package")
def api(running: Running) -> Api:
    return running.api
