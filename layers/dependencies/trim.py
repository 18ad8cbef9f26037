"""Deletes from an installed dependencies layer what no function uses: `python trim.py FOLDER`.

Every new instance of a function downloads and unpacks the layer, and reads the descriptions of the services
for which it makes clients. tests/artifacts check that every function still works.
"""

import gzip
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# The services for which Wiring makes clients, and the operations that the clients have. An operation that is
# not here does not exist for a function: its client has no such method.
OPERATIONS: dict[str, frozenset[str]] = {
    "cloudfront": frozenset({"CreateInvalidation"}),
    "dynamodb": frozenset(
        {
            *("GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"),
            *("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"),
            "BatchExecuteStatement",
        }
    ),
    "lambda": frozenset({"Invoke"}),
    "s3": frozenset({"GetObject", "PutObject", "DeleteObjects", "ListObjectVersions"}),
    "sqs": frozenset(
        {
            *("SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch"),
            *("ChangeMessageVisibility", "GetQueueAttributes"),
        }
    ),
    "ssm": frozenset({"GetParameter", "GetParameters"}),
}
# Of Powertools, functions use the logger, the metrics and the types; the package itself imports the tracer.
UNUSED = (
    "bin",  # scripts, which name the Python of the machine that builds
    "**/tests",
    "**/*.pyi",
    "**/py.typed",
    "*.dist-info/RECORD",  # is wrong after this script, and only for uninstalling
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/middleware_factory",
    "aws_lambda_powertools/metrics/provider/datadog",
    "botocore/crt/auth.py",  # needs a package that is not installed
    "botocore/cacert.pem",  # botocore takes the certificates of the package certifi
    "botocore/data/*/*/examples-*",
    "botocore/data/*/*/waiters-*",
    "charset_normalizer/*.so",  # the same modules in machine code; few texts need them at all
    "dateutil/easter.py",
    "dateutil/rrule.py",
    "dateutil/tzwin.py",
    "dateutil/zoneinfo",  # for systems without time zones
    "idna/cli.py",
    "phonenumbers/shortdata/region_*",  # emergency and information numbers
    "requests/help.py",
    "urllib3/contrib/emscripten",
    "urllib3/contrib/pyopenssl.py",  # needs a package that is not installed, and so does the next one
    "urllib3/contrib/socks.py",
)
USED_UTILITIES = ("__init__.py", "jmespath_utils", "typing")


# botocore's own module imports a parser of HTML and much else in each cold start.
DOCSTRINGS = '''"""The documentation of methods, which no function shows: empty texts."""


class _Nothing(str):
    def __new__(cls, *args: object, **kwargs: object) -> "_Nothing":
        return super().__new__(cls)


ClientMethodDocstring = PaginatorDocstring = WaiterDocstring = _Nothing
'''


def trim(packages: Path) -> None:
    """Deletes the unused files in the folder of the packages."""
    for pattern in UNUSED:
        for path in list(packages.glob(pattern)):
            _delete(path)
    for path in (packages / "aws_lambda_powertools" / "utilities").iterdir():
        if path.name not in USED_UTILITIES:
            _delete(path)
    _replace_docstrings(packages / "botocore" / "docs")
    for metadata in packages.glob("*.dist-info/METADATA"):
        # The fields end at the first empty line; the readme of the package follows.
        fields, _, _ = metadata.read_text().partition("\n\n")
        metadata.write_text(f"{fields}\n")
    _trim_descriptions(packages / "botocore" / "data")


def _replace_docstrings(docs: Path) -> None:
    for path in docs.iterdir():
        if path.name != "utils.py":
            _delete(path)
    (docs / "__init__.py").write_text("")
    (docs / "docstring.py").write_text(DOCSTRINGS)


def _trim_descriptions(data: Path) -> None:
    """Keeps the newest description of each used service, with the used operations only."""
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in OPERATIONS:
            _delete(folder)
    for service, operations in OPERATIONS.items():
        *older, newest = sorted((data / service).iterdir())
        for folder in older:
            _delete(folder)
        for description in newest.glob("*.json.gz"):
            content = json.loads(gzip.decompress(description.read_bytes()))
            if description.name == "service-2.json.gz":
                content = _with_operations(content, operations)
            # A layer is compressed as a whole, so nothing is gained by compressing this again.
            _write(description.with_suffix(""), _without_documentation(content))
            _delete(description)
    endpoints = json.loads((data / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in services if name in OPERATIONS}
    _write(data / "endpoints.json", endpoints)


def _with_operations(service: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Returns the description with these operations and the shapes that they use. All of them must exist."""
    operations = {name: service["operations"][name] for name in names}
    # botocore looks for errors among all shapes.
    used = {name for name, shape in service["shapes"].items() if shape.get("exception")}
    unseen = [
        *_shapes_in(operations),
        *(inner for name in used for inner in _shapes_in(service["shapes"][name])),
    ]
    while unseen:
        name = unseen.pop()
        if name not in used:
            used.add(name)
            unseen += _shapes_in(service["shapes"][name])
    shapes = {name: shape for name, shape in service["shapes"].items() if name in used}
    return {**service, "operations": operations, "shapes": shapes}


def _shapes_in(content: Any) -> Iterator[str]:
    """Yields the names of the shapes to which a part of a description refers."""
    if isinstance(content, list):
        for element in content:
            yield from _shapes_in(element)
    elif isinstance(content, dict):
        for name, value in content.items():
            if name == "shape" and isinstance(value, str):
                yield value
            else:
                yield from _shapes_in(value)


def _without_documentation(content: Any) -> Any:
    """Returns the JSON with an empty text for each `documentation`, a key that botocore expects."""
    if isinstance(content, list):
        return [_without_documentation(element) for element in content]
    if isinstance(content, dict):
        return {
            name: "" if name == "documentation" and isinstance(value, str) else _without_documentation(value)
            for name, value in content.items()
        }
    return content


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")))


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
