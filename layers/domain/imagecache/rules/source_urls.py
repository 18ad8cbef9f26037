"""Source URL → the key of the image it shows, the same for every form in which Beeper names that image.

One picture is `mxc://server/id` until Beeper Desktop has downloaded it and `file:///.../media/server/id`
afterwards, and paths differ by machine: the key is `<server>/<mediaId>`, whose id is case-sensitive.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes, urlsplit

from imagecache.errors import RejectedSourceError
from imagecache.model.image import ImageRef, RejectionReason

# DynamoDB's limit for a partition key, in bytes.
_MAX_KEY_BYTES = 2048
_MAX_DATA_URL_CHARS = 64 * 1024
_MAX_WEB_URL_CHARS = 8192

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_SERVER = re.compile(r"[a-z0-9_-][a-z0-9._:-]{0,254}")
_MALFORMED_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
# After decoding once, what is left must not be decodable into a way out of the media folder.
_ESCAPE_LEFT = re.compile(r"%(2e|2f|5c|00)", re.IGNORECASE)
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class MediaLocation:
    """An image in Beeper's media folder; `url` is the form it was seen in, as assets/serve takes it."""

    server: str
    media_id: str
    url: str

    @property
    def key(self) -> str:
        return f"{self.server}/{self.media_id}"

    @property
    def path(self) -> str:
        """The key as a request path, encoded once: a malformed `%` ends the media server's process."""
        return f"{quote(self.server, safe='')}/{quote(self.media_id, safe='')}"


@dataclass(frozen=True, slots=True)
class WebLocation:
    """An image anywhere on the web; `url` is normalised."""

    url: str

    @property
    def key(self) -> str:
        if len(self.url.encode()) <= _MAX_KEY_BYTES:
            return self.url
        return f"https:sha256:{hashlib.sha256(self.url.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class DataLocation:
    """An image within its own URL."""

    content: bytes

    @property
    def key(self) -> str:
        return f"data:sha256:{hashlib.sha256(self.content).hexdigest()}"


ImageLocation = MediaLocation | WebLocation | DataLocation


def image_key(source_url: str) -> str:
    """The primary key in cachedImages. Raises RejectedSourceError for what is never fetched."""
    return parse_source_url(source_url).key


def image_ref(source_url: str) -> ImageRef:
    """Returns the image's key, or the reason why this URL is never fetched."""
    try:
        return ImageRef(image_key(source_url))
    except RejectedSourceError as error:
        return ImageRef(None, error.reason)


def storable_url(source_url: str) -> str:
    """The URL as it may be stored: an mxc query (`encryptedFileInfoJSON`) holds key material."""
    if source_url.lower().startswith(("mxc:", "localmxc:")):
        return source_url.partition("?")[0]
    return source_url


def parse_source_url(source_url: str) -> ImageLocation:
    """Where an image is to be had from. Raises RejectedSourceError."""
    if _LONE_SURROGATE.search(source_url):  # JSON can carry one, UTF-8 cannot
        raise RejectedSourceError(RejectionReason.MALFORMED)
    scheme = _SCHEME.match(source_url)
    match scheme.group(1).lower() if scheme else "":
        case "mxc":
            return _media(*_server_and_id(_after_authority_mark(source_url)), source_url)
        case "localmxc":
            bridge, media_id = _server_and_id(_after_authority_mark(source_url))
            return _media(f"localhost{bridge}", media_id, source_url)
        case "file":
            rest = _after_authority_mark(source_url)
            if not rest.startswith("/"):
                raise RejectedSourceError(RejectionReason.MALFORMED)  # a file on another host
            return _media(*_below_media_folder(_without_query(rest), escaped=True), source_url)
        case "https":
            return WebLocation(_normalised(source_url))
        case "data":
            return DataLocation(_data_content(source_url))
        case "" if source_url.startswith("/"):
            # assets/serve knows no bare paths.
            return _media(*_below_media_folder(source_url, escaped=False), f"file://{quote(source_url)}")
        case "":
            raise RejectedSourceError(RejectionReason.MALFORMED)
        case _:
            raise RejectedSourceError(RejectionReason.UNSUPPORTED_SCHEME)


def _after_authority_mark(url: str) -> str:
    rest = url.partition(":")[2]
    if not rest.startswith("//"):
        raise RejectedSourceError(RejectionReason.MALFORMED)
    return rest[2:]


def _without_query(rest: str) -> str:
    return re.split(r"[?#]", rest, maxsplit=1)[0]


def _server_and_id(rest: str) -> tuple[str, str]:
    return _two_segments(_without_query(rest), escaped=True)


def _below_media_folder(path: str, *, escaped: bool) -> tuple[str, str]:
    """The last `/media/` counts: a Linux disk may be mounted below another one."""
    _, mark, rest = path.rpartition("/media/")
    if not mark:
        raise RejectedSourceError(RejectionReason.OUTSIDE_MEDIA_FOLDER)
    return _two_segments(rest, escaped=escaped)


def _two_segments(rest: str, *, escaped: bool) -> tuple[str, str]:
    segments = rest.split("/")
    if len(segments) != 2:
        raise RejectedSourceError(RejectionReason.MALFORMED)
    server, media_id = (_decoded(segment) if escaped else _checked(segment) for segment in segments)
    return server, media_id


def _decoded(segment: str) -> str:
    if _MALFORMED_ESCAPE.search(segment):
        raise RejectedSourceError(RejectionReason.MALFORMED)
    try:
        return _checked(unquote_to_bytes(segment).decode())
    except UnicodeDecodeError as error:
        raise RejectedSourceError(RejectionReason.MALFORMED) from error


def _checked(segment: str) -> str:
    unsafe = "/" in segment or "\\" in segment or _CONTROL.search(segment) or _ESCAPE_LEFT.search(segment)
    if unsafe or segment in {"", ".", ".."}:
        raise RejectedSourceError(RejectionReason.MALFORMED)
    return segment


def _media(server: str, media_id: str, url: str) -> MediaLocation:
    server = server.lower()
    if not _SERVER.fullmatch(server):
        raise RejectedSourceError(RejectionReason.MALFORMED)
    source = MediaLocation(server, media_id, url)
    if len(source.key.encode()) > _MAX_KEY_BYTES:
        raise RejectedSourceError(RejectionReason.TOO_LONG)
    return source


def _normalised(url: str) -> str:
    """RFC 3986 §6.2: lower-case scheme and host, no default port, no fragment; path and query as they are."""
    if len(url) > _MAX_WEB_URL_CHARS:
        raise RejectedSourceError(RejectionReason.TOO_LONG)
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        port = parts.port
    except (ValueError, UnicodeError) as error:
        raise RejectedSourceError(RejectionReason.MALFORMED) from error
    if not host or "@" in parts.netloc or _CONTROL.search(url):
        raise RejectedSourceError(RejectionReason.MALFORMED)
    authority = f"[{host}]" if ":" in host else host
    authority += f":{port}" if port not in {None, 443} else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"https://{authority}{parts.path or '/'}{query}"


def _data_content(url: str) -> bytes:
    """The bytes within a data URL (RFC 2397)."""
    if len(url) > _MAX_DATA_URL_CHARS:
        raise RejectedSourceError(RejectionReason.TOO_LONG)
    header, comma, body = url.partition(",")
    if not comma:
        raise RejectedSourceError(RejectionReason.MALFORMED)
    content = unquote_to_bytes(body)
    if not header.lower().endswith(";base64"):
        return content
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise RejectedSourceError(RejectionReason.MALFORMED) from error
