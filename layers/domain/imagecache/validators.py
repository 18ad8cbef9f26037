"""How a web server names the versions of an image (RFC 9110 §8.8), and what its names are good for. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

# RFC 9110 §8.8.3 and §5.6.7. Nothing else is sent back one day: `*` would name every version there is.
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,500}"')
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")


@dataclass(frozen=True, slots=True)
class Validators:
    """The names of one version, as its server said them."""

    etag: str | None = None
    last_modified: str | None = None

    def conditions(self) -> dict[str, str]:
        """Headers that ask for any other version, §13.1: whoever knows the first ignores the second."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in asked.items() if value}

    def confirmed(self, said: "Validators") -> "Validators | None":
        """This version's names after a 304 with those; None when it speaks of another (RFC 9111 §4.3.4)."""
        if self.etag and said.etag and self.etag.removeprefix("W/") != said.etag.removeprefix("W/"):
            return None
        return Validators(said.etag or self.etag, said.last_modified or self.last_modified)


NO_VALIDATORS = Validators()


def validators(headers: Mapping[str, str]) -> Validators:
    """What an answer's headers name, without what is malformed or long."""
    return Validators(_said(headers, "ETag", _ENTITY_TAG), _said(headers, "Last-Modified", _HTTP_DATE))


def _said(headers: Mapping[str, str], name: str, form: re.Pattern[str]) -> str | None:
    value = headers.get(name, "").strip()
    return value if form.fullmatch(value) else None
