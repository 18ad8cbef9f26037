"""`python -m tools.invoke` calls a function of the running stack with an event from a file."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.access import add_engine_access
from local.deploy import DeployedStack
from local.engine import REGION
from local.processes import try_lock
from local.template import ROOT
from tools.invoke import main

CHATS = str(ROOT / "events" / "chats.json")


@pytest.fixture
def clone(small: DeployedStack, tmp_path: Path) -> Iterator[Path]:
    """The folder of a clone whose `make run` is the small stack."""
    (tmp_path / ".local").mkdir()
    access = tmp_path / ".local" / "access.json"
    access.write_text("{}")
    engine = small.engine
    add_engine_access(access, endpoint=engine.endpoint, region=REGION, token=engine.token, stack=small.name)
    with try_lock(tmp_path / ".local" / "run.lock", "a test"):
        yield tmp_path


def test_the_answer_of_the_function_is_printed(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["GreetFunction", CHATS], clone) == 0
    body = json.loads(json.loads(capsys.readouterr().out)["body"])
    assert (body["route"], body["greeting"]) == ("GET /api/chats", "hello")


def test_the_error_of_a_function_is_printed_and_is_exit_code_1(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    event = tmp_path / "event.json"
    event.write_text("{}")
    assert main(["GreetFunction", str(event)], clone) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "routeKey" in output.err


@pytest.mark.parametrize("arguments", [["NoFunction", CHATS], ["GreetFunction", "no such file"]])
def test_a_wrong_name_is_exit_code_2_and_one_line(
    arguments: list[str], clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, clone) == 2
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
