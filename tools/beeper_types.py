"""Generates cli/imagecache_cli/beeper_types.py from Beeper's SDK, for `imagecache doctor --contract`.

The SDK's types are made from Beeper's own specification. The command line has a copy, so that it does not
need the SDK.
"""

import importlib.metadata
import types
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, Union, get_args, get_origin

from beeper_desktop_api.pagination import SyncCursorNoLimit, SyncCursorSearch
from beeper_desktop_api.types import Account, Chat, ChatListResponse, InfoRetrieveResponse
from beeper_desktop_api.types.shared import APIError, User
from pydantic import BaseModel

from local.template import ROOT

MODULE = ROOT / "cli" / "imagecache_cli" / "beeper_types.py"

_ROOTS: dict[str, type[BaseModel]] = {
    "Account": Account,
    # An item of the list is a chat with a preview. Its other fields are reported as those of a chat.
    "Chat": ChatListResponse,
    "Error": APIError,
    "Info": InfoRetrieveResponse,
    "User": User,
}
_KINDS = {str: "text", datetime: "text", bool: "bool", int: "number", float: "number", type(None): "null"}
_HEAD = '''\
"""The types of the answers of Beeper's client API. Written by `make contract` from Beeper's SDK {version}.

Each field has the kinds of JSON values that it may have, separated by " | ". `missing` means that the field
may be left out. A name that begins with a capital letter is one of these types.
"""

TYPES: dict[str, dict[str, str]] = {{
'''


class _Types:
    """Translates classes of the SDK, and every class that is used in their fields."""

    def __init__(self) -> None:
        self.fields: dict[str, dict[str, str]] = {}
        self._names: dict[type[BaseModel], str] = {Chat: "Chat"}

    def add(self, name: str, model: type[BaseModel], items: str = "") -> None:
        """Adds the fields of `model`, a class of the SDK, under the name `name`.

        If the class is a page of a list, `items` is the type of the list's items. Otherwise it is empty.
        """
        self._names[model] = name
        self.fields[name] = {}
        for field_name, field in model.model_fields.items():
            if items and field_name == "items":
                kinds = [f"list of {items}"]
            else:
                kinds = [*self._kinds(field.annotation), *([] if field.is_required() else ["missing"])]
            self.fields[name][field.alias or field_name] = " | ".join(dict.fromkeys(kinds))

    def _kinds(self, annotation: Any) -> Iterator[str]:
        """Yields the kinds of values of a field with this type."""
        origin = get_origin(annotation)
        arguments = get_args(annotation)
        if origin in {Union, types.UnionType}:
            for argument in arguments:
                yield from self._kinds(argument)
        elif origin is Literal:
            yield from (_KINDS[type(value)] for value in arguments)
        elif origin is list:
            yield from (f"list of {kind}" for kind in self._kinds(arguments[0]))
        elif origin is dict:
            yield from (f"map of {kind}" for kind in self._kinds(arguments[1]))
        elif annotation is object:
            yield "any"
        elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield self._name_of(annotation)
        else:
            yield _KINDS[annotation]

    def _name_of(self, model: type[BaseModel]) -> str:
        """Returns the name of a class, which is added if it is new.

        Several classes of the SDK have the same name, such as `Size`. The name of such a class begins with
        that of its module.
        """
        if model not in self._names:
            module = model.__module__.rpartition(".")[2].title().replace("_", "")
            name = model.__name__
            self.add(name if name not in self.fields else module + name, model)
        return self._names[model]


def generate() -> dict[str, dict[str, str]]:
    """Returns the fields of each type, and the kinds of values of each field."""
    found = _Types()
    for name, model in _ROOTS.items():
        found.add(name, model)
    found.add("ChatsPage", SyncCursorNoLimit, items="Chat")
    found.add("ContactsPage", SyncCursorSearch, items="User")
    return dict(sorted(found.fields.items()))


def write() -> str:
    """Returns the source of the module with the types."""
    lines = [_HEAD.format(version=importlib.metadata.version("beeper-desktop-api"))]
    for name, fields in generate().items():
        lines.append(f'    "{name}": {{\n')
        lines += [f'        "{field}": "{kinds}",\n' for field, kinds in fields.items()]
        lines.append("    },\n")
    return "".join([*lines, "}\n"])


if __name__ == "__main__":
    MODULE.write_text(write())
