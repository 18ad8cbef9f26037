"""The command against a fake API; its clock only moves when the command sleeps."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from imagecache_cli.app import main
from imagecache_cli.session import Outside
from tests.cli.fake_api import ADMIN_TOKEN, READ_TOKEN, FakeApi


@dataclass(frozen=True, slots=True)
class Ran:
    """What a person, or a program, got."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """stdout, which must hold one JSON document and nothing else."""
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """stdout without its layout."""
        return " ".join(self.out.split())


@dataclass(slots=True)
class Clock:
    """Seconds since the start; sleeping is what moves it."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Command:
    """`imagecache(*arguments)`; whatever it is asked, no token may come out of it."""

    def __init__(
        self, url: str, folder: Path, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
    ) -> None:
        self.clock = Clock()
        self.environment = {"IMAGECACHE_URL": url, "IMAGECACHE_TOKEN": ADMIN_TOKEN}
        self.folder = folder
        self._capture = capture
        self._patch = patch

    def __call__(self, *arguments: str, typed: str = "", environment: Mapping[str, str] | None = None) -> Ran:
        self._patch.setattr("sys.stdin", io.StringIO(typed))
        outside = Outside(
            environment=self.environment if environment is None else environment,
            folder=self.folder,
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
def api() -> Iterator[FakeApi]:
    """Fails a test in which a source URL stood where access logs see it."""
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
