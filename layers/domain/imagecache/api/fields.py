"""What a request may carry: each value's name, its bounds, and the sentence that refuses another one.

Values of a query are texts, those of a body are JSON. The OpenAPI document is made from the same bounds.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from imagecache.errors import InvalidRequestError
from imagecache.model.access import Role

Schema = dict[str, Any]

# A data URL may be 64 KB; anything longer is no URL of a picture.
MOST_URL_CHARS = 65_536
MOST_CURSOR_CHARS = 8_192


class Field(Protocol):
    """One value. `role` is what it takes to send it at all, beyond what the route asks for.

    `about` tells readers of the OpenAPI document what name and bounds do not.
    """

    @property
    def name(self) -> str: ...
    @property
    def required(self) -> bool: ...
    @property
    def role(self) -> Role: ...
    @property
    def default(self) -> Any: ...
    @property
    def about(self) -> str: ...

    def read(self, value: Any) -> Any:
        """The value, checked. Raises InvalidRequestError."""

    def schema(self) -> Schema:
        """As JSON Schema."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number; in a query, its digits."""

    name: str
    least: int
    most: int
    default: int | None = None
    required: bool = False
    role: Role = Role.NONE
    about: str = ""

    def read(self, value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not self.least <= value <= self.most:
            raise InvalidRequestError(f"{self.name} must be a whole number from {self.least} to {self.most}")
        return value

    def schema(self) -> Schema:
        known = {"type": "integer", "minimum": self.least, "maximum": self.most}
        return known if self.default is None else {**known, "default": self.default}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    name: str
    among: type[StrEnum]
    default: StrEnum | None = None
    required: bool = False
    role: Role = Role.NONE
    about: str = ""

    def read(self, value: Any) -> StrEnum:
        if not isinstance(value, str) or value not in set(self.among):
            raise InvalidRequestError(f"{self.name} must be one of {', '.join(self.among)}")
        return self.among(value)

    def schema(self) -> Schema:
        known = {"type": "string", "enum": [one.value for one in self.among]}
        return known if self.default is None else {**known, "default": self.default.value}


@dataclass(frozen=True, slots=True)
class Text:
    """Some text, at least one character of it."""

    name: str
    most: int
    default: str | None = None
    required: bool = False
    role: Role = Role.NONE
    about: str = ""

    def read(self, value: Any) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= self.most:
            raise InvalidRequestError(f"{self.name} must be a text of 1 to {self.most:,} characters")
        if not _is_unicode(value):
            raise InvalidRequestError(f"{self.name} holds half a character")
        return value

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": self.most}


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of texts."""

    name: str
    most_items: int
    most: int
    default: Sequence[str] = ()
    required: bool = False
    role: Role = Role.NONE
    about: str = ""

    def read(self, value: Any) -> list[str]:
        if not isinstance(value, list) or len(value) > self.most_items:
            raise InvalidRequestError(f"{self.name} must be a list of at most {self.most_items} texts")
        one = Text(f"each of {self.name}", self.most)
        return [one.read(item) for item in value]

    def schema(self) -> Schema:
        items = {"type": "string", "minLength": 1, "maxLength": self.most}
        return {"type": "array", "items": items, "maxItems": self.most_items}


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false; False unless it is sent."""

    name: str
    default: bool = False
    required: bool = False
    role: Role = Role.NONE
    about: str = ""

    def read(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise InvalidRequestError(f"{self.name} must be true or false")
        return value

    def schema(self) -> Schema:
        return {"type": "boolean", "default": self.default}


def argument(field: Field) -> str:
    """The name under which a route takes it: `sourceUrl` is `source_url`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", field.name).lower()


def read_all(fields: Sequence[Field], sent: Mapping[str, Any]) -> dict[str, Any]:
    """Every field by the name of its argument. Raises InvalidRequestError."""
    values: dict[str, Any] = {}
    for field in fields:
        if field.name in sent:
            values[argument(field)] = field.read(sent[field.name])
        elif field.required:
            raise InvalidRequestError(f"{field.name} is missing")
        else:
            values[argument(field)] = field.default
    return values


def _is_unicode(text: str) -> bool:
    """JSON can carry half of a surrogate pair, UTF-8 and with it DynamoDB cannot."""
    return not re.search(r"[\ud800-\udfff]", text)


SOURCE_URL = Text(
    "sourceUrl",
    MOST_URL_CHARS,
    required=True,
    about="where the image comes from: mxc, localmxc, file, https or data, or a path",
)
CURSOR = Text("cursor", MOST_CURSOR_CHARS, about="`nextCursor` of the page before; leave it out to begin")
