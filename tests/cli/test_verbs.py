"""Every verb that is written can be run, and is described in the README."""

import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest
import typer

from imagecache_agent import command as agent
from imagecache_cli import app, changing, contacts, service, showing

README = (Path(__file__).parents[2] / "README.md").read_text()


def readme_commands() -> set[str]:
    """Returns the commands of the README's table, those of groups such as `contacts` among them."""
    chapter = README.partition("\n## The command line\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[0] for line in chapter.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(?:contacts |service |agent )?([a-z-]+)", row)}


def commands_of(typer_app: typer.Typer) -> dict[str, object]:
    """Returns the functions of the commands by their names on the command line."""
    functions: dict[str, object] = {}
    for command in typer_app.registered_commands:
        assert command.callback is not None
        functions[command.name or command.callback.__name__.replace("_", "-")] = command.callback
    return functions


@pytest.mark.parametrize("module", [changing, showing], ids=lambda module: module.__name__)
def test_every_verb_is_registered(module: ModuleType) -> None:
    verbs = {
        function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and "context" in inspect.signature(function).parameters
    }
    assert len(verbs) >= 6
    assert verbs - set(commands_of(app.app).values()) == set()


def test_every_verb_has_a_place_in_the_readme() -> None:
    groups = (app.app, contacts.app, service.app, agent.app)
    verbs = {name for group in groups for name in commands_of(group)}
    assert {*verbs, "agent", "backup"} == readme_commands()
