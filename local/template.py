"""template.yaml → what the engine is given: the same resources, with built packages and plain numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]  # ships no types

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
Template = dict[str, Any]


class TemplateError(Exception):
    """The file is no YAML; the message says where."""


def read_template(path: Path = TEMPLATE) -> Template:
    """The template with `!Ref` and its like as `{"Ref": ...}`."""
    try:
        parsed: Template = yaml_parse(path.read_text())
    except yaml.YAMLError as error:
        raise TemplateError(f"{path.name}: {' '.join(str(error).split())}") from error
    return parsed


def parameter_values(template: Template, overrides: Mapping[str, str]) -> dict[str, str]:
    """Every parameter's value: the default, unless it is overridden."""
    declared = template.get("Parameters", {})
    return {
        name: overrides.get(name, str(parameter.get("Default", ""))) for name, parameter in declared.items()
    }


def with_plain_numbers(template: Template, values: Mapping[str, str]) -> Template:
    """References to Number parameters replaced by their numbers.

    AWS converts what a `Ref` yields to the property's type. The engine hands on a string, and its SQS
    poller then dies of a `MaximumConcurrency` of "2".
    """
    declared = template.get("Parameters", {})
    numbers = {
        name: int(values[name]) for name, parameter in declared.items() if parameter["Type"] == "Number"
    }
    return {**template, "Resources": _resolve(template["Resources"], numbers)}


def _resolve(node: Any, numbers: Mapping[str, int]) -> Any:
    if isinstance(node, list):
        return [_resolve(item, numbers) for item in node]
    if not isinstance(node, dict):
        return node
    if node.keys() == {"Ref"} and node["Ref"] in numbers:
        return numbers[node["Ref"]]
    # Environment variables are strings everywhere.
    return {key: value if key == "Variables" else _resolve(value, numbers) for key, value in node.items()}
