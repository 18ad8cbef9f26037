"""Reads template.yaml, and replaces references to numbers by the numbers, which the engine needs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from samtranslator.yaml_helper import intrinsics_multi_constructor  # type: ignore[import-untyped]  # ships no types

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
Template = dict[str, Any]

# PyYAML's loader in C takes a ninth of the time, but not every machine has it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


class TemplateError(Exception):
    """The template is not valid YAML. The message has the line."""


def read_template(path: Path = TEMPLATE) -> Template:
    """Reads the template. Short forms such as `!Ref` become `{"Ref": ...}`. Raises TemplateError."""
    try:
        template: Template = yaml.load(path.read_text(), _Loader)  # noqa: S506 - it is a safe loader
    except yaml.YAMLError as error:
        raise TemplateError(f"{path.name} is not valid YAML: {' '.join(str(error).split())}") from error
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
