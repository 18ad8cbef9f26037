"""The page's types of the API's answers are those of the API."""

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SCHEMAS: dict[str, Any] = json.loads((ROOT / "docs/openapi.json").read_text())["components"]["schemas"]


def declared_interfaces() -> dict[str, dict[str, str]]:
    """Returns the types of the fields of every interface in answers.d.ts, by their names."""
    text = (ROOT / "web/page/answers.d.ts").read_text()
    interfaces = re.findall(
        r"^export interface (\w+)(?: extends \w+)? \{\n(.*?)^\}", text, re.DOTALL | re.MULTILINE
    )
    return {name: dict(re.findall(r"^  (\w+\??): (.*?);?$", body, re.MULTILINE)) for name, body in interfaces}


def texts_of(schema: Any) -> set[str]:
    """Returns the texts that a schema allows, empty if it allows any."""
    schema = SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return set(schema.get("enum", []))


def test_every_field_that_the_page_declares_is_answered_and_may_be_null_or_left_out_in_neither_or_both() -> (
    None
):
    interfaces = declared_interfaces()
    assert len(interfaces) > 10
    for name, fields in interfaces.items():
        answered = SCHEMAS[name]["properties"]
        for marked, declared in fields.items():
            field = marked.rstrip("?")
            assert (field not in SCHEMAS[name]["required"]) == (field != marked), f"{name}.{field}"
            may_be_null = {"type": "null"} in answered[field].get("anyOf", [])
            assert may_be_null == declared.endswith("| null"), f"{name}.{field}"


def test_every_list_of_texts_that_the_page_declares_is_the_apis() -> None:
    for name, fields in declared_interfaces().items():
        for field, declared in ((marked.rstrip("?"), declared) for marked, declared in fields.items()):
            if texts := set(re.findall(r'"(\w+)"', declared)):
                assert texts == texts_of(SCHEMAS[name]["properties"][field]), f"{name}.{field}"
