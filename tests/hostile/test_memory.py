"""What hostile origins and images cost in memory, each kind measured on its own in a fresh process."""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from imagecache.errors import ImageFailedError
from imagecache.imaging import pictures
from local.template import ROOT, read_template
from tests.hostile.decoding import (
    KINDS,
    LARGEST_FILE,
    PIECES,
    RARE,
    WORST,
    in_a_process,
    lying_avif,
    write_mixes,
    write_worst,
)
from tests.hostile.malformed import encoded

MB = 1024  # in KB, as Linux counts
MEMORY_SIZE: int = min(
    resource["Properties"]["MemorySize"]
    for resource in read_template()["Resources"].values()
    if {"Ref": "ImagingLayer"} in resource.get("Properties", {}).get("Layers", [])
)
"""MB of the smallest function that decodes pictures."""


def needs_proc() -> None:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("the peak of a process is read from Linux's /proc")


@pytest.fixture(scope="module")
def grown() -> dict[str, int]:
    needs_proc()
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.hostile.memory",
    ]  # Pillow warns of what it repairs
    ended = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own code
    told: dict[str, int] = json.loads(ended.stdout)
    return told


def test_hostile_bodies_cost_a_small_multiple_of_the_cap(grown: dict[str, int]) -> None:
    """Endless, of whatever length they claim, chunked or in their headers: 8 MB, at times 13."""
    assert grown["bodies"] <= 20 * MB


def test_malformed_images_cost_next_to_nothing(grown: dict[str, int]) -> None:
    assert grown["malformed"] <= 4 * MB


def test_the_largest_image_that_is_decoded_is_in_memory_once(grown: dict[str, int]) -> None:
    """40 megapixels in RGB, which Pillow keeps in four bytes each, of a kind that is not converted."""
    assert grown["large"] <= 176 * MB


@pytest.mark.parametrize("source", ["chats", "contacts"])
@pytest.mark.parametrize("answer", ["gzip", "endless", "33 MB", "million"])
def test_a_hostile_list_costs_little_more_than_the_most_that_is_read(
    source: str, answer: str, grown: dict[str, int]
) -> None:
    assert grown[f"{source}, {answer}"] <= 64 * MB


@pytest.fixture(scope="module")
def worst(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of the worst pictures of every format, in a process with 70 % of the function's memory."""
    needs_proc()
    directory = tmp_path_factory.mktemp("worst")
    write_worst(directory)
    mixes = tmp_path_factory.mktemp("mixes")
    write_mixes(mixes)
    ended: dict[str, Any] = in_a_process("batches", str(directory), str(mixes), str(MEMORY_SIZE * 7 // 10))
    return ended


def test_the_worst_batch_of_every_format_fits_into_70_percent_of_the_functions_memory(
    worst: dict[str, Any],
) -> None:
    assert worst["failures"] == []
    assert worst["peak"] <= MEMORY_SIZE * 7 // 10


def test_pictures_of_all_formats_at_once_fit_into_70_percent_of_the_functions_memory(
    worst: dict[str, Any],
) -> None:
    """All of the worst, and one of the largest beside four small ones."""
    assert worst["mixed"]["failures"] == []
    assert worst["mixed"]["peak"] <= MEMORY_SIZE * 7 // 10


@pytest.mark.parametrize("kind", WORST)
def test_no_picture_takes_more_than_is_reserved_for_its_format(kind: str, worst: dict[str, Any]) -> None:
    image_format = kind.split(maxsplit=1)[0]
    reserved = pictures._reserved_bytes(image_format, (10_000_000, 1), bytes(LARGEST_FILE))
    assert worst["grown"][kind] * MB * 1024 <= reserved


def reserved_for(original: bytes) -> int:
    file = pictures._read(original)
    return pictures._reserved_bytes(file.format, file.size, original, frames=file.frames)


def test_no_rare_kind_takes_more_than_is_reserved_for_its_format(tmp_path: Path) -> None:
    needs_proc()
    paths = [tmp_path / str(number) for number in range(len(RARE))]
    for kind, path in zip(RARE, paths, strict=True):
        path.write_bytes(KINDS[kind](4))
    grown = in_a_process("growth", *map(str, paths))
    too_much = {
        kind: megabytes
        for kind, path, megabytes in zip(RARE, paths, grown, strict=True)
        if megabytes * MB * 1024 > reserved_for(path.read_bytes())
    }
    assert too_much == {}


@pytest.mark.parametrize("image_format", [kind for kind in WORST if " " not in kind])
def test_the_largest_picture_of_each_format_fits_into_what_is_shared(image_format: str) -> None:
    most = pictures._COSTS[image_format].most_pixels
    reserved = pictures._reserved_bytes(image_format, (most, 1), bytes(LARGEST_FILE))
    assert reserved <= pictures._SHARED_BYTES


def test_a_picture_that_contains_more_than_it_announces_fails_and_its_worker_lives(tmp_path: Path) -> None:
    needs_proc()
    picture = tmp_path / "picture"
    picture.write_bytes(lying_avif())
    honest = tmp_path / "honest"
    honest.write_bytes(encoded("AVIF"))
    size = 192  # smaller than the function's, so that a smaller picture can be used
    limit = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(size)}
    ended = in_a_process("lie", str(picture), **limit)
    assert "undecodable" in ended["failures"][0]
    assert ended["peak"] <= size
    assert in_a_process("lie", str(honest), **limit)["failures"] == [""]


def test_many_pieces_of_a_file_take_little_memory_and_time(tmp_path: Path) -> None:
    """All of them are read before memory is reserved, and no other picture is decoded meanwhile."""
    needs_proc()
    paths = [tmp_path / str(number) for number in range(len(PIECES))]
    for path, make in zip(paths, PIECES.values(), strict=True):
        path.write_bytes(make())
        assert path.stat().st_size <= LARGEST_FILE
    grown = in_a_process("pieces", *map(str, paths))
    assert {kind: mb for kind, mb in zip(PIECES, grown, strict=True) if mb > 15} == {}
    for kind, path in zip(PIECES, paths, strict=True):
        content = path.read_bytes()
        started = time.process_time()
        with contextlib.suppress(ImageFailedError):
            pictures.render(content)
        assert time.process_time() - started < 5, kind
