"""Distinguishes web pages and other texts from pictures."""

import re

# Bytes that no text has, according to the WHATWG's standard on MIME sniffing. Every picture in a format of
# pixels has some of them at its beginning.
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_UTF_16_MARKS = (b"\xfe\xff", b"\xff\xfe")
_HTML = re.compile(rb"<!doctype html|<html")
_JSON_BEGINS = (b"{", b"[")
_READ_BYTES = 4096
# Templates of pages often begin with many empty lines.
_MAX_BLANKS = 64 * 1024


def is_html_page(body: bytes) -> bool:
    """Returns True if a body is an HTML page.

    A picture may have HTML in a comment, and JSON may quote a page; neither of them is a page.
    """
    beginning = _beginning(body)
    if not _is_text(beginning) or beginning.startswith(_JSON_BEGINS):
        return False
    # Without the zeros, HTML in UTF-16 has the same bytes as in UTF-8.
    return _HTML.search(beginning.replace(b"\0", b"").lower()) is not None


def replaces_picture(body: bytes) -> bool:
    """Returns True if a body is text, as browsers tell it from pictures, and not an SVG image.

    Servers send a page or an error as a text with status 200, where the picture may be the next time.
    """
    beginning = _beginning(body)
    if beginning.startswith(_UTF_16_MARKS):
        return True
    return _is_text(beginning) and (is_html_page(body) or b"<svg" not in beginning.lower())


def _beginning(body: bytes) -> bytes:
    return body[:_MAX_BLANKS].lstrip()[:_READ_BYTES]


def _is_text(beginning: bytes) -> bool:
    return beginning.startswith(_UTF_16_MARKS) or _BINARY.search(beginning) is None
