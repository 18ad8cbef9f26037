"""template.yaml → the plain CloudFormation that SAM makes of it, and which resource of that needs which."""

import copy
import re
from collections.abc import Iterator
from typing import Any

from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]  # ships no types
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]  # ships no types

Template = dict[str, Any]
Graph = dict[str, set[str]]

LOCATIONS = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


def translate(template: Template) -> Template:
    """As at deployment, where SAM finds packages in S3 instead of folders. Asks nobody."""
    packaged = copy.deepcopy(template)
    for resource in packaged["Resources"].values():
        if location := LOCATIONS.get(resource["Type"]):
            resource["Properties"][location] = "s3://packages/package"
    translated: Template = Translator({}, Parser()).translate(packaged, {"AWS::Region": "eu-west-1"})
    return translated


def dependencies(translated: Template) -> Graph:
    """Every resource and the resources that CloudFormation makes before it."""
    resources = translated["Resources"]
    return {
        name: {needed for needed in _named_in(resource) if needed in resources}
        for name, resource in resources.items()
    }


def _named_in(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _named_in(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _named_by(key, value)


def _named_by(key: str, value: Any) -> Iterator[str]:
    match key, value:
        case (("Ref" | "DependsOn"), str(name)):
            yield name
        case "DependsOn", list(names):
            yield from names
        case "Fn::GetAtt", [str(name), *_]:
            yield name
        case "Fn::GetAtt", str(dotted):
            yield dotted.split(".")[0]
        case "Fn::Sub", [str(text), dict(given)]:
            yield from (name for name in _substituted(text) if name not in given)
            yield from _named_in(given)
        case "Fn::Sub", str(text):
            yield from _substituted(text)
        case _:
            yield from _named_in(value)


def _substituted(text: str) -> list[str]:
    return re.findall(r"\$\{([^!.}]+)[^}]*\}", text)


def everything_needed_by(name: str, graph: Graph) -> set[str]:
    """What a resource depends on, at any distance. It is among them itself when it is part of a cycle."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting.extend(new)
    return found


def cyclic(graph: Graph) -> set[str]:
    """The resources of which each would have to be made before itself."""
    return {name for name in graph if name in everything_needed_by(name, graph)}
