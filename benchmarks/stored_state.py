"""Adds rows and objects to the stored state of a local stack whose engine is stopped.

A request for each of 40,000 objects would take most of the time of a benchmark. So one row of each table and
one object are stored by requests, and the others are copies of what the engine has stored for these.
"""

import json
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from local.journal import Journal

Item = dict[str, Any]
"""A row in DynamoDB's own JSON."""

_ROWS_A_RECORD = 1_000
_METADATA = ".meta.json"  # the end of the name of the file with the metadata of an object


@contextmanager
def opened(folder: Path) -> Iterator[Journal]:
    """Opens the journal of the state in `folder`, and folds it afterwards. Its engine must be stopped."""
    journal = Journal.open(folder / "journal")
    try:
        yield journal
        # Otherwise the engine would do that beside the first requests of the benchmark.
        journal.start_next()
        journal.fold()
    finally:
        journal.close()


def add_rows(journal: Journal, rows: Iterable[Item], *, like: Item, key: Sequence[str]) -> None:
    """Adds rows to the table in which the engine has stored the row `like`.

    `key` has the name of the attribute that is the table's partition key and, if there is one, of the sort
    key. Raises StopIteration if `like` is not stored.
    """
    _, table_id, *like_key = next(
        json.loads(name)
        for name, value in journal.values.items()
        if name.startswith(b'["row"') and json.loads(value) == like
    )
    without_sort_key = like_key[len(key) :]
    left = iter(rows)
    while some := list(islice(left, _ROWS_A_RECORD)):
        keys = (["row", table_id, *(row[name]["S"] for name in key), *without_sort_key] for row in some)
        journal.write({_encoded(name): _encoded(row) for name, row in zip(keys, some, strict=True)})


def add_objects(folder: Path, keys: Iterable[str], *, like: str) -> None:
    """Adds objects with these keys to the bucket in which the engine has stored the object `like`.

    They have its content. Raises ValueError if there is not exactly one such object in the state in `folder`.
    """
    [content] = (folder / "s3").glob(f"*/*/{like}")
    bucket = content.parents[like.count("/")]
    body = content.read_bytes()
    metadata = content.with_name(f"{content.name}{_METADATA}").read_text()
    version = json.loads(metadata)["version_id"]
    for key in keys:
        file = bucket / key
        os.makedirs(file.parent, exist_ok=True)
        file.write_bytes(body)
        own_metadata = metadata.replace(like, key).replace(version, str(uuid.uuid4()))
        file.with_name(f"{file.name}{_METADATA}").write_text(own_metadata)


_encode = json.JSONEncoder(separators=(",", ":")).encode


def _encoded(value: object) -> bytes:
    return _encode(value).encode()
