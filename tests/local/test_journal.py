"""The journal gives back what was written, whatever a kill, a power cut or a damaged disk leaves of it."""

import errno
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.journal import Journal, JournalError, Values, encode

FEW = settings(max_examples=40)  # each of them flushes the disk several times
# One key is written again and again, and values are removed (empty).
KEYS = st.sampled_from([b'["a"]', b'["b"]', b'["c",1]', b'["c",2]'])
Records = list[dict[bytes, bytes]]
RECORDS = st.lists(
    st.dictionaries(KEYS, st.sampled_from([b"", b"1", b'{"long":"%b"}' % (b"x" * 40)]), min_size=1),
    min_size=1,
    max_size=6,
)


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def values_after(records: Records) -> Values:
    """Returns what a dictionary has after these changes."""
    values: Values = {}
    for record in records:
        values |= record
    return {key: value for key, value in values.items() if value}


def write(at: Path, records: Records) -> None:
    journal = Journal.open(at)
    for record in records:
        journal.write(record)
    journal.close()


def read(at: Path) -> tuple[Values, list[str]]:
    journal = Journal.open(at)
    journal.close()
    return journal.values, journal.problems


def fold(at: Path) -> None:
    journal = Journal.open(at)
    journal.start_next()
    journal.fold()
    journal.close()


def flip_bit(file: Path, bit: int) -> bytes:
    """Changes one bit of a file, and returns the new content."""
    content = bytearray(file.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)
    return bytes(content)


def kept_files(at: Path) -> list[bytes]:
    return [file.read_bytes() for file in at.glob("*.damaged-*")]


@FEW
@given(RECORDS, st.data())
def test_any_part_of_a_journal_is_read_as_the_records_that_are_whole(
    records: Records, data: st.DataObject
) -> None:
    """A power cut leaves a part of the last record at most, which nobody was told of. So it is no damage."""
    with folder() as at:
        write(at, records)
        file = at / "journal-0"
        left = data.draw(st.integers(0, file.stat().st_size))
        file.write_bytes(file.read_bytes()[:left])
        ends = [sum(len(encode(record)) for record in records[: count + 1]) for count in range(len(records))]
        whole = records[: sum(end <= left for end in ends)]
        assert read(at) == (values_after(whole), [])
        write(at, records)
        assert read(at) == (values_after([*whole, *records]), [])


@FEW
@given(RECORDS, st.data())
def test_a_changed_bit_in_the_last_record_is_reported_and_the_state_before_it_is_kept(
    records: Records, data: st.DataObject
) -> None:
    with folder() as at:
        first = {b'["first"]': b"1"}
        write(at, [first, *records])
        file = at / "journal-0"
        length = len(encode(records[-1]))
        bit = data.draw(st.integers(8 * (file.stat().st_size - length), 8 * file.stat().st_size - 1))
        damaged = flip_bit(file, bit)
        values, [problem] = read(at)
        assert values == values_after([first, *records[:-1]])
        assert "damaged" in problem
        assert kept_files(at) == [damaged]
        write(at, records)
        assert read(at) == (values_after([first, *records[:-1], *records]), [])


@FEW
@given(st.lists(RECORDS, min_size=1, max_size=4), RECORDS)
def test_folding_changes_no_value(parts: list[Records], last: Records) -> None:
    with folder() as at:
        for part in parts:
            write(at, part)
            fold(at)
        write(at, last)
        assert read(at) == (values_after([record for part in [*parts, last] for record in part]), [])


@FEW
@given(RECORDS, RECORDS, st.data())
def test_a_damaged_snapshot_is_made_again_from_the_files_before_it(
    first: Records, last: Records, data: st.DataObject
) -> None:
    with folder() as at:
        write(at, first)
        fold(at)
        write(at, last)
        snapshot = at / "snapshot-1"
        damaged = flip_bit(snapshot, data.draw(st.integers(0, 8 * snapshot.stat().st_size - 1)))
        values, [problem] = read(at)
        assert values == values_after([*first, *last])
        assert "nothing is lost" in problem
        assert kept_files(at) == [damaged]
        assert read(at) == (values, [])


def test_a_snapshot_that_was_cut_is_damaged(tmp_path: Path) -> None:
    """It is renamed when it is complete, so that only a faulty disk can cut it."""
    write(tmp_path, [{b'["a"]': b"1"}])
    fold(tmp_path)
    snapshot = tmp_path / "snapshot-1"
    snapshot.write_bytes(snapshot.read_bytes()[: -len(encode({}))])
    values, problems = read(tmp_path)
    assert (values, len(problems)) == ({b'["a"]': b"1"}, 1)


@pytest.mark.parametrize("done", ["nothing", "next journal", "half a snapshot", "snapshot"])
def test_a_fold_that_is_interrupted_changes_no_value(tmp_path: Path, done: str) -> None:
    write(tmp_path, [{b'["a"]': b"1"}])
    fold(tmp_path)
    write(tmp_path, [{b'["a"]': b"2", b'["b"]': b"1"}])
    superseded = tmp_path / "superseded"
    shutil.copytree(tmp_path, superseded)
    journal = Journal.open(tmp_path)
    if done != "nothing":
        journal.start_next()
        journal.write({b'["c"]': b"1"})
    if done == "half a snapshot":
        (tmp_path / "snapshot-2.unfinished").write_bytes(b"half")
    if done == "snapshot":
        journal.fold()
        shutil.copy(superseded / "journal-0", tmp_path)  # it was to be deleted next
    journal.close()
    shutil.rmtree(superseded)
    expected = {b'["a"]': b"2", b'["b"]': b"1"} | ({} if done == "nothing" else {b'["c"]': b"1"})
    assert read(tmp_path) == (expected, [])
    write(tmp_path, [{b'["d"]': b"1"}])
    fold(tmp_path)
    assert read(tmp_path) == (expected | {b'["d"]': b"1"}, [])


def test_damage_in_an_older_journal_ends_what_is_read(tmp_path: Path) -> None:
    """What was written after the damage may refer to what is lost."""
    write(tmp_path, [{b'["a"]': b"1"}, {b'["b"]': b"1"}])
    journal = Journal.open(tmp_path)
    journal.start_next()
    journal.write({b'["c"]': b"1"})
    journal.close()
    file = tmp_path / "journal-0"
    flip_bit(file, 8 * file.stat().st_size - 1)
    values, problems = read(tmp_path)
    assert (values, len(problems), len(kept_files(tmp_path))) == ({b'["a"]': b"1"}, 2, 2)
    assert read(tmp_path) == (values, [])


def test_a_disk_that_is_full_while_damage_is_put_aside_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, [{b'["a"]': b"1"}, {b'["b"]': b"1"}])
    file = tmp_path / "journal-0"
    damaged = flip_bit(file, 8 * file.stat().st_size - 1)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("local.journal.write_snapshot", refuse)
        with pytest.raises(OSError, match="No space"):
            Journal.open(tmp_path)
    values, problems = read(tmp_path)
    assert (values, len(problems)) == ({b'["a"]': b"1"}, 1)
    assert damaged in kept_files(tmp_path)
    assert read(tmp_path) == (values, [])


@pytest.mark.parametrize("file", ["journal-0", "snapshot-1"])
def test_if_nothing_can_be_read_nothing_is_changed(tmp_path: Path, file: str) -> None:
    write(tmp_path, [{b'["a"]': b"1"}])
    if file == "snapshot-1":
        fold(tmp_path)
        (tmp_path / "journal-0").unlink()
    flip_bit(tmp_path / file, 0)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for _ in range(2):
        with pytest.raises(JournalError, match=r"restore .* from a backup"):
            Journal.open(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_disk_space_of_values_that_change_again_and_again_is_bounded(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, least_bytes_to_fold=1000)
    largest = 0
    for number in range(500):
        journal.write(changes_of(number))
        if journal.must_fold:
            journal.start_next()
            journal.fold()
        largest = max(largest, sum(file.stat().st_size for file in tmp_path.iterdir()))
    journal.close()
    assert largest < 4000
    assert read(tmp_path) == ({b'["a"]': b"%0100d" % 499}, [])


def changes_of(number: int) -> Mapping[bytes, bytes]:
    return {b'["a"]': b"%0100d" % number, b'["gone"]': b""}
