"""JSON → the dataclasses of answers.py, each value checked and each text made harmless."""

import re
import types
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from imagecache_cli.errors import UnexpectedAnswerError
from imagecache_cli.plain import plain

Answer = TypeVar("Answer")


def read(kind: type[Answer], document: object) -> Answer:
    """Other fields are passed over. Raises UnexpectedAnswerError, which names the field that is odd."""
    return cast(Answer, _value(kind, document, kind.__name__))


def _value(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        return _structure(kind, value, where)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is types.UnionType:
        return _one_of(inner, value, where)
    if origin is list:
        return [_value(inner[0], one, f"{where}[]") for one in _typed(list, value, where)]
    if origin is dict:
        known = _typed(dict, value, where)
        return {plain(str(name)): _value(inner[1], one, f"{where}.*") for name, one in known.items()}
    known = _typed(kind, value, where)
    return plain(known) if kind is str else known


def _structure(kind: Any, value: Any, where: str) -> Any:
    known = _typed(dict, value, where)
    hints = get_type_hints(kind)
    read_fields: dict[str, Any] = {}
    for field in fields(kind):
        name = _wire_name(field.name)
        read_fields[field.name] = _value(hints[field.name], known.get(name), f"{where}.{name}")
    return kind(**read_fields)


def _one_of(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and types.NoneType in kinds:
        return None
    fitting = [kind for kind in kinds if (get_origin(kind) or kind) is type(value)]
    return _value(fitting[0] if fitting else kinds[0], value, where)


def _typed(kind: Any, value: Any, where: str) -> Any:
    if type(value) is not kind:  # JSON has exact types, and True is no number
        raise UnexpectedAnswerError(
            f"the API's answer is not understood at {where}: is this command up to date?"
        )
    return value


def _wire_name(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)
