"""Reads the validators of an HTTP response: how a server names the version that it sent (RFC 9110 §8.8)."""

import re
from collections.abc import Mapping

from imagecache.model.image import Validators

# RFC 9110 §8.8.3 and §5.6.7. A value of another form is not kept, because it is sent back later:
# `If-None-Match: *`, for example, matches any version.
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,500}"')
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")


def read_validators(headers: Mapping[str, str]) -> Validators:
    """Returns the validators of a response, each None if it is absent, malformed or very long."""
    return Validators(
        _well_formed(headers, "ETag", _ENTITY_TAG), _well_formed(headers, "Last-Modified", _HTTP_DATE)
    )


def _well_formed(headers: Mapping[str, str], name: str, form: re.Pattern[str]) -> str | None:
    value = headers.get(name, "").strip()
    return value if form.fullmatch(value) else None
