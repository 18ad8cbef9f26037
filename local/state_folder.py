"""Prepares the state folder of a stack for a start, also one that an earlier version of this program left.

The folder contains `version`, the version of its layout; `journal`, everything that the engine stores but
objects (see `local.journal` and `local.engine_state`), and its `port`; `s3`, the objects; `tmp`; and logs.
What each version needs is in docs/upgrading.md.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

from local.console import say
from local.journal import Values, flush_folder, flush_to_disk, write_snapshot
from local.processes import ChildError

VERSION: Final = 2
ARTIFACTS: Final = "imagecache-artifacts"  # the bucket of the packages that a deployment uploads


def prepare(folder: Path) -> Path:
    """Makes the folder one of this version, and returns the folder of its journal.

    The objects in `s3` are never deleted here, because they may be the last copies of pictures. Raises
    ChildError if a later version of this program has written the folder, or if its version is not known any
    more. Nothing is changed then.
    """
    version = _version(folder)
    if version > VERSION:
        raise ChildError(
            f"{folder} was written by a later version of this program (layout {version}, this program knows"
            f" {VERSION}). Nothing was changed: update this program with `git pull`"
        )
    journal = folder / "journal"
    if version == 1:
        _migrate(folder, journal)
    if not journal.exists():
        journal.mkdir(mode=0o700)
        if _has_objects(folder / "s3"):
            # The buckets of the new stack have other names, so it neither uses nor sweeps the old ones.
            say(
                f"there are pictures in {folder / 's3'}, but no stored state that belongs to them: they are"
                " kept, but this run does not use them and downloads all pictures again"
            )
    if version == 0:
        _write(folder / "version", str(VERSION))
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    (folder / "tmp").mkdir()
    for unfinished in (folder / "s3").rglob("*.tmp"):
        unfinished.unlink()  # otherwise the engine would serve a partly written file as an object
    return journal


def kept_port(journal: Path) -> int:
    """Returns the port of the last start, or 0 if there was none or it is not known any more."""
    try:
        return int((journal / "port").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def keep_port(journal: Path, port: int) -> None:
    """Remembers the port for the next start."""
    _write(journal / "port", str(port))


def _version(folder: Path) -> int:
    """Returns the layout's version, or 0 if the folder is new. Before version 2 there was no such file.

    Raises ChildError if it is not known any more.
    """
    if (file := folder / "version").exists():
        try:
            return int(file.read_text())
        except ValueError as error:
            raise ChildError(
                f"{file} is damaged, so it is not known which version of this program has written its folder."
                f" Nothing was changed: if this one was the last, write {VERSION} into that file"
            ) from error
    return 1 if _saved_by_version_1(folder) else 0


def _write(file: Path, text: str) -> None:
    unfinished = file.with_suffix(".new")
    with unfinished.open("w") as output:
        output.write(text)
        output.flush()
        flush_to_disk(output.fileno())
    os.replace(unfinished, file)
    flush_folder(file.parent)


def _has_objects(s3: Path) -> bool:
    """Returns True if there is a bucket (`s3/<account>/<name>`) other than the bucket of the packages."""
    return any(bucket.name != ARTIFACTS for bucket in s3.glob("[0-9]*/*"))


def _saved_by_version_1(folder: Path) -> Path | None:
    """Returns the folder with the state of the last clean stop, or None if there was no clean stop.

    In version 1, the engine changed only `state`, a copy of `saved`, which replaced `saved` at the next start
    if the engine had left the mark `ministack.saved`.
    """
    state, saved = folder / "state", folder / "saved"
    if state.exists() and (folder / "ministack.saved").exists():
        return state
    return saved if saved.exists() else None


def _migrate(folder: Path, journal: Path) -> None:
    """Writes the state of version 1 into a new journal, and keeps its own folder as `version-1`."""
    saved = _saved_by_version_1(folder)
    assert saved  # noqa: S101 - or it would not be version 1
    unfinished = folder / "journal.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(saved, unfinished, ignore=shutil.ignore_patterns("*.json"))
    write_snapshot(unfinished, 1, _values_of_version_1(saved))
    for file in unfinished.rglob("*"):
        if file.is_file():
            with file.open("rb") as copied:
                os.fsync(copied.fileno())
    shutil.rmtree(journal, ignore_errors=True)
    unfinished.rename(journal)
    # From here on, the rest of version 1 is ignored, also if the next steps are interrupted.
    _write(folder / "version", str(VERSION))
    saved.rename(folder / "version-1")
    for name in ("saved", "state"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "ministack.saved").unlink(missing_ok=True)
    say(f"the state of an earlier version was converted, and is kept in {folder / 'version-1'}")


def _values_of_version_1(saved: Path) -> Values:
    values: Values = {}

    def put(key: list[str], value: Any) -> None:
        values[_json(key)] = _json(value)

    for file in sorted(saved.glob("*.json")):
        content = json.loads(file.read_text())
        if file.stem == "dynamodb":
            for table in content["payload"]["tables"]["data"].values():
                for partition, rows in table.pop("items").items():
                    for sort, item in rows.items():
                        put(["row", table["TableId"], partition, sort], item)
        elif file.stem == "sqs":
            for queue in content["payload"]["queues"]["data"].values():
                for message in queue["messages"]:
                    put(["message", message["id"]], [queue["attributes"]["QueueArn"], message])
                queue["messages"] = []
        put(["service", file.stem], content)
    put(["port"], kept_port(saved))
    return values


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
