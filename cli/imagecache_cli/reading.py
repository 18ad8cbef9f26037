"""Converts the API's JSON to the dataclasses of answers.py. It checks types and makes texts safe to print."""

import re
import types
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from imagecache_cli.errors import UnexpectedAnswerError
from imagecache_cli.plain import plain

Answer = TypeVar("Answer")


def read(kind: type[Answer], document: object) -> Answer:
    """Converts `document` to the dataclass `kind`, and ignores fields that `kind` does not have.

    Raises UnexpectedAnswerError, with the name of the field, if one is missing or has another type.
    """
    return cast(Answer, _read_value(kind, document, kind.__name__))


def _read_value(kind: Any, value: Any, path: str) -> Any:
    """Converts `value` to the type `kind`. An error contains `path`, such as `Stats.lastSync`."""
    if is_dataclass(kind):
        return _read_dataclass(kind, value, path)
    generic = get_origin(kind)
    parameters = get_args(kind)
    if generic is types.UnionType:
        return _read_union(parameters, value, path)
    if generic is list:
        items = _of_type(list, value, path)
        return [_read_value(parameters[0], item, f"{path}[]") for item in items]
    if generic is dict:
        entries = _of_type(dict, value, path)
        return {plain(str(key)): _read_value(parameters[1], entries[key], f"{path}.*") for key in entries}
    checked = _of_type(kind, value, path)
    # Texts come from other people's chats. Here none of them can be forgotten.
    return plain(checked) if kind is str else checked


def _read_dataclass(kind: Any, value: Any, path: str) -> Any:
    entries = _of_type(dict, value, path)
    types_by_name = get_type_hints(kind)
    arguments: dict[str, Any] = {}
    for field in fields(kind):
        key = _json_key(field.name)
        if key not in entries and _has_default(field):
            continue
        # Any other missing field becomes None, which is an error unless its type allows None.
        arguments[field.name] = _read_value(types_by_name[field.name], entries.get(key), f"{path}.{key}")
    return kind(**arguments)


def _has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _read_union(kinds: tuple[Any, ...], value: Any, path: str) -> Any:
    """Converts `value` to the member of the union that has its type, or else raises UnexpectedAnswerError."""
    if value is None and types.NoneType in kinds:
        return None
    # The type of the value selects the member. If no member has it, reading it as the first raises the error.
    matching = [kind for kind in kinds if (get_origin(kind) or kind) is type(value)]
    return _read_value(matching[0] if matching else kinds[0], value, path)


def _of_type(kind: Any, value: Any, path: str) -> Any:
    if type(value) is not kind:  # isinstance would accept true as a number
        raise UnexpectedAnswerError(
            f"the API's answer has an unexpected value at {path}: this command may be older than the API"
        )
    return value


def _json_key(name: str) -> str:
    """Returns the name of a field in JSON, such as `chatId` for `chat_id`."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)
