"""The values that a request may have: their names, their bounds, and the errors for other values.

The query and the path of a request have texts, its body has JSON. The OpenAPI document is generated from the
same bounds.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from imagecache.errors import InvalidRequestError
from imagecache.model.access import Role

Schema = dict[str, Any]

# The longest URL of a picture is a data URL, which may have 64 KB.
MOST_URL_CHARS = 65_536
MOST_CURSOR_CHARS = 8_192


@dataclass(frozen=True, slots=True)
class Field(ABC):
    """A value of a request.

    If the request does not have the value, this is an error if it is `required`, or else `default` is used.
    `role` is set if sending this value needs a more powerful token than the route does. `about` describes the
    value in the OpenAPI document.
    """

    name: str
    default: Any = field(default=None, kw_only=True)
    required: bool = field(default=False, kw_only=True)
    role: Role = field(default=Role.NONE, kw_only=True)
    about: str = field(default="", kw_only=True)

    @property
    def argument(self) -> str:
        """The name of the value as a parameter of the handler, such as `source_url` for `sourceUrl`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.name).lower()

    @abstractmethod
    def read(self, value: Any) -> Any:
        """Checks and converts the value. Raises InvalidRequestError if it is not valid."""

    @abstractmethod
    def schema(self) -> Schema:
        """Returns the bounds as JSON Schema."""


@dataclass(frozen=True, slots=True)
class Whole(Field):
    """A whole number. A query has its digits as a text."""

    minimum: int
    maximum: int

    def read(self, value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
            value = int(value)
        # bool is a subclass of int.
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if not is_number or not self.minimum <= value <= self.maximum:
            raise InvalidRequestError(
                f"{self.name} must be a whole number from {self.minimum} to {self.maximum}"
            )
        return int(value)

    def schema(self) -> Schema:
        bounds = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        return bounds if self.default is None else {**bounds, "default": self.default}


@dataclass(frozen=True, slots=True)
class Choice(Field):
    """A value of an enumeration."""

    options: type[StrEnum]

    def read(self, value: Any) -> StrEnum:
        if not isinstance(value, str) or value not in set(self.options):
            raise InvalidRequestError(f"{self.name} must be one of {', '.join(self.options)}")
        return self.options(value)

    def schema(self) -> Schema:
        bounds = {"type": "string", "enum": [option.value for option in self.options]}
        return bounds if self.default is None else {**bounds, "default": self.default.value}


@dataclass(frozen=True, slots=True)
class Text(Field):
    """A text of at least one character."""

    max_chars: int

    def read(self, value: Any) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= self.max_chars:
            raise InvalidRequestError(f"{self.name} must be a text of 1 to {self.max_chars:,} characters")
        # JSON can contain half of a surrogate pair. UTF-8, which DynamoDB uses, cannot.
        if re.search(r"[\ud800-\udfff]", value):
            raise InvalidRequestError(
                f"{self.name} contains invalid Unicode (an unpaired surrogate): remove it"
            )
        return value

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": self.max_chars}


@dataclass(frozen=True, slots=True)
class Texts(Field):
    """A list of texts."""

    max_items: int
    max_chars: int
    default: Any = field(default=(), kw_only=True)

    def read(self, value: Any) -> list[str]:
        if not isinstance(value, list) or len(value) > self.max_items:
            raise InvalidRequestError(f"{self.name} must be a list of at most {self.max_items} strings")
        item = Text(f"each of {self.name}", self.max_chars)
        return [item.read(text) for text in value]

    def schema(self) -> Schema:
        items = {"type": "string", "minLength": 1, "maxLength": self.max_chars}
        return {"type": "array", "items": items, "maxItems": self.max_items}


@dataclass(frozen=True, slots=True)
class Flag(Field):
    """A boolean, which is false if the request does not have it."""

    default: Any = field(default=False, kw_only=True)

    def read(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise InvalidRequestError(f"{self.name} must be true or false")
        return value

    def schema(self) -> Schema:
        return {"type": "boolean", "default": self.default}


def read_all(fields: Sequence[Field], sent: Mapping[str, Any]) -> dict[str, Any]:
    """Checks the values that were sent, and returns the value of every field by the field's `argument`.

    A field that was not sent has its default. Raises InvalidRequestError if a value is not valid, or if a
    required one is missing.
    """
    values: dict[str, Any] = {}
    for each in fields:
        if each.name in sent:
            values[each.argument] = each.read(sent[each.name])
        elif each.required:
            raise InvalidRequestError(f"{each.name} is missing: this route needs it")
        else:
            values[each.argument] = each.default
    return values


CURSOR = Text(
    "cursor",
    MOST_CURSOR_CHARS,
    about="`nextCursor` of the previous page; leave it out for the first page",
)
