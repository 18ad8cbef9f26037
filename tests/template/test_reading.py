"""How much a reader has to open: the lists in docs/architecture.md, and the length of what they name."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FUNCTIONS = sorted(folder.parent.name for folder in ROOT.glob("functions/*/app.py"))
DOCUMENT = (ROOT / "docs" / "architecture.md").read_text()
MOST_FILES, MOST_LINES = 9, 250


def files_to_open(function: str) -> list[Path]:
    """What the list of this function names, in its order; `I/` is the package."""
    entry = re.search(rf"^- \*\*{function}\*\*: (.*(?:\n  .*)*)", DOCUMENT, re.MULTILINE)
    names = re.findall(r"`([^`]+)`", entry[1]) if entry else []
    return [ROOT / re.sub("^I/", "layers/domain/imagecache/", name) for name in names]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_followed_in_nine_files(function: str) -> None:
    files = files_to_open(function)

    assert files[:1] == [ROOT / "functions" / function / "app.py"]
    assert len(files) <= MOST_FILES
    assert [file for file in files if not file.is_file()] == []
    assert len(set(files)) == len(files)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_file_to_open_is_used_by_another_of_the_list(function: str) -> None:
    """A list that names a file nobody on the way imports is a wish, not a way."""
    files = files_to_open(function)
    read = "".join(file.read_text() for file in files)
    modules = [
        f"imagecache.{file.parent.name}.{file.stem}".replace("imagecache.imagecache.", "imagecache.")
        for file in files[1:]
    ]

    assert [module for module in modules if f"from {module} import" not in read] == []


def test_no_file_of_the_package_is_longer_than_250_lines() -> None:
    package = ROOT / "layers" / "domain" / "imagecache"
    too_long = {
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if len(file.read_text().splitlines()) > MOST_LINES
    }
    assert too_long == set()
