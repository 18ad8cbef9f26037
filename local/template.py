"""Reads template.yaml, and replaces references to numbers by the numbers, which the engine needs."""

import copy
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]  # ships no types

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
Template = dict[str, Any]


class TemplateError(Exception):
    """The template is not valid YAML. The message has the line."""


def read_template(path: Path = TEMPLATE) -> Template:
    """Reads the template. Short forms such as `!Ref` become `{"Ref": ...}`. Raises TemplateError."""
    try:
        return copy.deepcopy(_parsed(path.read_text()))
    except yaml.YAMLError as error:
        raise TemplateError(f"{path.name} is not valid YAML: {' '.join(str(error).split())}") from error


@lru_cache(maxsize=4)
def _parsed(text: str) -> Template:
    """Returns the template of this text, which takes a third of a second and is asked for several times."""
    template: Template = yaml_parse(text)
    return template


def parameter_values(template: Template, overrides: Mapping[str, str]) -> dict[str, str]:
    """Returns the value of every parameter: its override, its default, or an empty text."""
    declared = template.get("Parameters", {})
    return {
        name: overrides.get(name, str(parameter.get("Default", ""))) for name, parameter in declared.items()
    }


def with_plain_numbers(template: Template, values: Mapping[str, str]) -> Template:
    """Returns the template with each reference to a Number parameter replaced by its number.

    AWS converts the value of a `Ref` to the type of the property. The engine does not, and its SQS poller
    would crash if `MaximumConcurrency` were the text "2".
    """
    declared = template.get("Parameters", {})
    numbers = {
        name: int(values[name]) for name, parameter in declared.items() if parameter["Type"] == "Number"
    }
    return {**template, "Resources": _with_numbers(template["Resources"], numbers)}


def _with_numbers(node: Any, numbers: Mapping[str, int]) -> Any:
    if isinstance(node, list):
        return [_with_numbers(item, numbers) for item in node]
    if not isinstance(node, dict):
        return node
    if node.keys() == {"Ref"} and node["Ref"] in numbers:
        return numbers[node["Ref"]]
    # Environment variables are texts on AWS, too.
    return {
        key: value if key == "Variables" else _with_numbers(value, numbers) for key, value in node.items()
    }
