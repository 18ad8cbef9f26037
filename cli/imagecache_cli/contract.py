"""Compares the answers of a Beeper with the types that we know, for `doctor --contract`.

The result is safe to publish: it has names of fields and kinds of JSON values, and never a value. Names that
only the server knows may be personal, because an object can have ids or people's names as its keys. Such a
name is shown only if it looks like a field's name and is no value anywhere in the answers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from imagecache_cli.beeper_types import TYPES

_LIST_OF = "list of "
_MAP_OF = "map of "
# Words of letters that are joined like imgURL, chatIDs or base_url. Digits and other scripts mean an id or a
# person's name.
_FIELD_NAME = re.compile(r"[a-z]{2,20}(?:_?(?:[A-Z][a-z]{1,20}|[A-Z]{2,4}s?|[a-z]{2,20})){0,5}")
_LONGEST_NAME = 40
# A type with more new fields than this is another type, or a map.
_MOST_NEW_FIELDS = 20
# Longer texts are messages or URLs, which are not used as keys.
_LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """A field whose answers differ from what we know. `known` is empty if the field is new."""

    field: str
    known: str
    found: str


@dataclass(slots=True)
class Comparison:
    """Collects the differences of any number of answers. `hidden` counts names that are not shown."""

    differences: set[Difference] = field(default_factory=set)
    hidden: int = 0
    _new_names: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    _values: set[str] = field(default_factory=set)

    def add(self, answer: object, known: str, where: str) -> None:
        """Compares an answer with the type `known`. `where` names the answer, such as `GET /v1/info`."""
        self._values.update(_texts_in(answer))
        self._compare(answer, known, where)

    def finish(self) -> list[Difference]:
        """Returns all differences, sorted, with the new fields whose names can be shown."""
        for type_name, names in self._new_names.items():
            showable = [name for name in names if self._is_showable(name)]
            if len(names) > _MOST_NEW_FIELDS:
                showable = []
            self.hidden += len(names) - len(showable)
            for name in showable:
                self.differences.add(Difference(f"{type_name}.{name}", "", " or ".join(sorted(names[name]))))
        self._new_names.clear()
        return sorted(self.differences)

    def _is_showable(self, name: str) -> bool:
        looks_like_a_field = len(name) <= _LONGEST_NAME and _FIELD_NAME.fullmatch(name) is not None
        return looks_like_a_field and name.casefold() not in self._values

    def _compare(self, value: object, known: str, where: str) -> None:
        alternatives = known.split(" | ")
        kind = kind_of(value)
        if "any" in alternatives or kind in alternatives:
            return
        if isinstance(value, list):
            inner = _inner_types(alternatives, _LIST_OF)
            if inner:
                for item in value:
                    self._compare(item, inner, f"{where}[]")
                return
        if isinstance(value, dict):
            inner = _inner_types(alternatives, _MAP_OF)
            if inner:
                for item in value.values():
                    self._compare(item, inner, f"{where}{{}}")
                return
            type_name = next((name for name in alternatives if name in TYPES), None)
            if type_name:
                self._compare_object(value, type_name)
                return
        self.differences.add(Difference(where, known, kind))

    def _compare_object(self, value: Mapping[str, object], type_name: str) -> None:
        fields = TYPES[type_name]
        for name, known in fields.items():
            if name in value:
                self._compare(value[name], known, f"{type_name}.{name}")
            elif "missing" not in known.split(" | "):
                self.differences.add(Difference(f"{type_name}.{name}", known, "missing"))
        new_names = self._new_names.setdefault(type_name, {})
        for name in value.keys() - fields.keys():
            new_names.setdefault(name, set()).add(kind_of(value[name]))


def kind_of(value: object) -> str:
    """Returns the kind of a JSON value: text, number, bool, null, list or object."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list) else "object"


def _inner_types(alternatives: Sequence[str], prefix: str) -> str:
    """Returns the types of the items of a list or a map, joined like alternatives, or "" if it is none."""
    return " | ".join(name.removeprefix(prefix) for name in alternatives if name.startswith(prefix))


def _texts_in(answer: object) -> Iterator[str]:
    """Yields the short texts in an answer, and the words of each, in one case."""
    waiting: list[object] = [answer]  # in place of recursion, which deep nesting would exhaust
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and len(value) <= _LONGEST_VALUE:
            yield value.casefold()
            yield from re.findall(r"\w+", value.casefold())
        elif isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
            waiting.extend(value)
