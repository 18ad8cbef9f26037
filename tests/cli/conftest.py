"""Runs the command against a fake API. Its clock moves only while the command sleeps."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from imagecache_cli.access import Access
from imagecache_cli.app import main
from imagecache_cli.session import Outside
from local.processes import try_lock
from tests.cli.fake_api import ADMIN_TOKEN, READ_TOKEN, FakeApi

RunningClone = Callable[[Path, object], None]


@dataclass(frozen=True, slots=True)
class Ran:
    """The exit code and the output of one run of the command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on stdout. Fails if anything else is there."""
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """The words on stdout, without their layout."""
        return " ".join(self.out.split())


@dataclass(slots=True)
class Clock:
    """Seconds since the start. Only sleeping moves it."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Command:
    """Runs `imagecache` with the given arguments. Fails if a token or a traceback is printed."""

    def __init__(
        self, url: str, folder: Path, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
    ) -> None:
        self.clock = Clock()
        self.environment = {"IMAGECACHE_URL": url, "IMAGECACHE_TOKEN": ADMIN_TOKEN}
        self.folder = folder
        self.clone = folder / "clone"
        self._capture = capture
        self._patch = patch

    def __call__(self, *arguments: str, typed: str = "", environment: Mapping[str, str] | None = None) -> Ran:
        self._patch.setattr("sys.stdin", io.StringIO(typed))
        outside = Outside(
            environment=self.environment if environment is None else environment,
            folder=self.folder,
            clone=self.clone,
            now=lambda: datetime(2026, 11, 25, 10, 0, tzinfo=UTC),
            seconds=lambda: self.clock.now,
            sleep=self.clock.sleep,
        )
        code = main(arguments, outside)
        out, err = self._capture.readouterr()
        assert READ_TOKEN not in out + err
        assert ADMIN_TOKEN not in out + err
        assert "Traceback" not in err
        return Ran(code, out, err)


@pytest.fixture
def running_clone() -> Iterator[RunningClone]:
    """Returns a function that makes a folder the clone of a running `make run` with this access.json."""
    with contextlib.ExitStack() as locks:

        def run(folder: Path, content: object) -> None:
            state = folder / ".local"
            state.mkdir()
            text = content if isinstance(content, str) else json.dumps(content)
            (state / "access.json").write_text(text)
            assert locks.enter_context(try_lock(state / "run.lock", "a test")) is None

        yield run


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """Fails a test that sends a source URL in a path, where access logs would record it."""
    with FakeApi() as fake:
        yield fake
    assert [line for line in fake.lines if "MediaId" in line] == []


@pytest.fixture
def imagecache(
    api: FakeApi, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    return Command(api.url, tmp_path, capsys, monkeypatch)


@pytest.fixture
def read_only(imagecache: Command) -> Command:
    imagecache.environment["IMAGECACHE_TOKEN"] = READ_TOKEN
    return imagecache


@pytest.fixture
def on_aws(imagecache: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, which takes the fake API for one that does not run on this machine."""
    monkeypatch.setattr(Access, "is_local", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return imagecache
