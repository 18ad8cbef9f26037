"""The rules of direction that import-linter cannot hold: for scripts (no package) and for pure modules."""

import ast
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent.parent
ENTRY_POINTS = sorted(ROOT.glob("functions/*/app.py"))
REACHING_OUT = {"api", "usecases", "sources", "queues", "stores"}


def imported_by(script: Path) -> set[str]:
    """The top-level packages that a script names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or "").split(".")[0])
    return found


def test_every_function_is_one_module() -> None:
    """A sibling would be imported in Lambda or in tests, never in both."""
    assert {script.parent.name for script in ENTRY_POINTS} >= {"sync", "cacher", "read", "cleanup"}
    assert sorted(ROOT.glob("functions/*/*.py")) == ENTRY_POINTS


@pytest.mark.parametrize("script", ENTRY_POINTS, ids=lambda script: script.parent.name)
def test_an_entry_point_imports_nothing_that_lambda_lacks(script: Path) -> None:
    imported = imported_by(script)

    assert {name for name in imported if name.startswith(".")} == set()
    assert imported.isdisjoint(
        {"app", "benchmarks", "demo", "deployment", "functions", "local", "tests", "tools"}
    )


def test_pure_modules_import_nothing_that_reaches_out() -> None:
    graph = grimp.build_graph("imagecache", cache_dir=None)
    pure = {module for module in graph.modules if module.split(".")[1:2] and not reaches_out(module)}
    pure.remove("imagecache.wiring")  # it builds everything

    assert {"imagecache.model", "imagecache.rules", "imagecache.errors", "imagecache.config"} <= pure
    assert {
        (module, imported)
        for module in pure
        for imported in graph.find_modules_directly_imported_by(module)
        if reaches_out(imported)
    } == set()


def reaches_out(module: str) -> bool:
    return module.split(".")[1:2] != [] and module.split(".")[1] in REACHING_OUT
