"""A representation ends up in logs and in tracebacks, so it contains no token."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import requests

from imagecache.sources.dex import DexApi
from imagecache_cli.access import Access, Wanted

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("layers/domain", "cli", "migration", "hints", "functions", "local", "demo", "deployment")
SENSITIVE = re.compile(r"(.*_)?(tokens?|secrets?|passwords?|credentials|api_key|dex_key)")


def sensitive_fields() -> Iterator[tuple[str, bool]]:
    """Yields each field of a dataclass that is named like a secret text, and whether it is represented."""
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and "dataclass" in "".join(
                map(ast.unparse, node.decorator_list)
            ):
                for field in node.body:
                    if isinstance(field, ast.AnnAssign) and is_secret_text(field):
                        options = ast.unparse(field.value) if field.value else ""
                        name = f"{path.relative_to(ROOT)}: {node.name}.{ast.unparse(field.target)}"
                        yield name, "repr=False" not in options


def is_secret_text(field: ast.AnnAssign) -> bool:
    """Returns whether a field, or the values of its collection, are texts that are named like a secret."""
    is_text = re.search(r"\bstr\b", ast.unparse(field.annotation))
    return bool(is_text and SENSITIVE.fullmatch(ast.unparse(field.target)))


def test_no_representation_contains_a_token() -> None:
    fields = dict(sensitive_fields())
    assert len(fields) >= 10
    assert [name for name, is_represented in fields.items() if is_represented] == []
    dex = DexApi(base_url="https://a.b", key="secret", session=requests.Session(), sleep=lambda _: None)
    assert "secret" not in repr(Access("https://a.b", "secret")) + repr(Wanted(token="secret")) + repr(dex)
