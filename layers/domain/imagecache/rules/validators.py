"""How a web server names the versions of an image (RFC 9110 §8.8), and what its names are good for. Pure."""

import re
from collections.abc import Mapping

from imagecache.model.image import Validators

# RFC 9110 §8.8.3 and §5.6.7. Nothing else is sent back one day: `*` would name every version there is.
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,500}"')
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")


def read_validators(headers: Mapping[str, str]) -> Validators:
    """What an answer's headers name, without what is malformed or long."""
    return Validators(_said(headers, "ETag", _ENTITY_TAG), _said(headers, "Last-Modified", _HTTP_DATE))


def _said(headers: Mapping[str, str], name: str, form: re.Pattern[str]) -> str | None:
    value = headers.get(name, "").strip()
    return value if form.fullmatch(value) else None
