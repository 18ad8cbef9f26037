"""What the documents say about the repository is true."""

import json
import re
from pathlib import Path

import pytest

from imagecache.imaging.pictures import _COSTS
from imagecache.imaging.reservations import MB
from imagecache.stores.images.row import ImageRow

ROOT = Path(__file__).parent.parent
DECISIONS = (ROOT / "docs" / "decisions.md").read_text()


def anchor(heading: str) -> str:
    """How a link within a document names a heading: `A lease is one text` is `a-lease-is-one-text`."""
    return re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-")


def test_every_test_that_a_document_names_exists() -> None:
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^ *def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    named = {
        name
        for path in (ROOT / "docs").glob("*.md")
        for name in re.findall(r"`(test_\w+)`", path.read_text())
    }
    assert len(named) >= 15
    assert named - defined == set()


def test_every_file_that_a_document_names_exists() -> None:
    """Paths from the root of the repository; `I/` is the package."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    folders = "I|cli|demo|deployment|docs|events|functions|hints|layers|local|migration|tests|tools|web"
    named = {
        name
        for path in documents
        for name in re.findall(rf"`((?:{folders})/[\w/.-]+\.\w+)`", path.read_text())
    }
    assert len(named) >= 60
    missing = [
        name for name in named if not (ROOT / re.sub("^I/", "layers/domain/imagecache/", name)).is_file()
    ]
    assert missing == []


def rows(document: str) -> list[list[str]]:
    """The cells of each row of the document's tables, headers and lines apart."""
    lines = (ROOT / "docs" / document).read_text().splitlines()
    tables = [
        line
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if line.startswith("| ") and not following.startswith("|---")
    ]
    return [line.strip("| ").split(" | ") for line in tables]


def test_every_row_of_the_attackers_says_what_tests_it_or_that_nothing_does() -> None:
    attacks = rows("security.md")
    assert len(attacks) >= 40
    assert [row for row in attacks if not (len(row) == 3 and re.search(r"`test_\w+`|no test$", row[2]))] == []


def test_every_promise_that_only_aws_can_show_has_a_check_and_the_document_that_makes_it() -> None:
    promises = rows("aws-unverified.md")
    assert len(promises) >= 25
    assert [row for row in promises if not (len(row) == 3 and re.fullmatch(r"\[.+\]\(.+\)", row[2]))] == []


@pytest.mark.parametrize("document", ["security.md", "aws-unverified.md"])
def test_every_link_to_a_document_leads_to_one_of_its_headings(document: str) -> None:
    links = re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", (ROOT / "docs" / document).read_text())
    assert links
    for path, heading in links:
        target = (ROOT / "docs" / (path or document)).resolve()
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        assert not heading or heading in {anchor(title) for title in headings}, (path, heading)


def test_the_table_of_the_memory_of_each_format_is_that_of_the_code() -> None:
    table = (ROOT / "docs" / "architecture.md").read_text().partition("| format | most bytes a pixel |")[2]
    lines = [line.strip("| ").split(" | ") for line in table.partition("\n\n")[0].splitlines()[2:]]
    costs = {name: cost for name, cost in _COSTS.items() if name != "MPO"}
    assert [(name.split()[0].upper(), *cells) for name, *cells in lines] == [
        (
            name,
            f"{cost.bytes_a_pixel:g}",
            f"{cost.most_pixels // 1_000_000} million",
            f"{cost.bytes_a_pixel * cost.most_pixels / MB:.0f} MB",
        )
        for name, cost in costs.items()
    ]


def test_every_route_has_a_place_in_the_readme() -> None:
    """The README shortens paths: `POST /api/images/refresh`, `retry`, `forget`."""
    chapter = (ROOT / "README.md").read_text().partition("\n## The API\n")[2].partition("\n### ")[0]
    cells = " ".join(line.split(" | ")[0] for line in chapter.splitlines() if line.startswith("| `"))
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    last_parts = {path.rpartition("/")[2] for path in paths}
    assert len(last_parts) >= 15
    assert {part for part in last_parts if not re.search(rf"[`/]{re.escape(part)}`", cells)} == set()


def decided() -> list[tuple[str, str, str]]:
    """Area, title and date of each entry of docs/decisions.md, in the order of the entries."""
    areas = re.split(r"^## (.+)\n", DECISIONS, flags=re.MULTILINE)[1:]
    return [
        (area, title, date)
        for area, text in zip(areas[::2], areas[1::2], strict=True)
        for title, date in re.findall(r"^### (.+)\n\n(\d{4}-\d\d-\d\d)\n", text, re.MULTILINE)
    ]


def test_the_index_of_decisions_lists_every_entry_in_its_order() -> None:
    index = re.findall(r"^\| (.+) \| \[(.+)\]\(#(.+)\) \| ([\d-]+) \|$", DECISIONS, re.MULTILINE)

    assert [(area, title, date) for area, title, _, date in index] == decided()
    assert [link for _, _, link, _ in index] == [anchor(title) for _, title, _ in decided()]


def test_decisions_have_different_titles_and_are_sorted_by_date_within_their_area() -> None:
    dates: dict[str, list[str]] = {}
    for area, _, date in decided():
        dates.setdefault(area, []).append(date)

    assert len({anchor(title) for _, title, _ in decided()}) == DECISIONS.count("\n### ")
    assert {area for area, found in dates.items() if found != sorted(found)} == set()


@pytest.mark.parametrize("part", ["What", "Why", "How to undo"])
def test_every_decision_has_each_of_its_parts(part: str) -> None:
    assert DECISIONS.count(f"\n- **{part}:** ") == len(decided())


def test_every_attribute_of_an_image_row_is_described() -> None:
    """docs/tables.md says of each attribute of cachedImages who sets it and who removes it."""
    chapter = (
        (ROOT / "docs" / "tables.md")
        .read_text()
        .partition("### Its attributes\n")[2]
        .partition("\n\nWho ")[0]
    )
    described = [
        name
        for line in chapter.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split(" | ")[0])
    ]

    assert sorted(described) == sorted(
        attribute.attr_name for attribute in ImageRow.get_attributes().values()
    )
