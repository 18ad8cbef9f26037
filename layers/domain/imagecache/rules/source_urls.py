"""Source URLs: finds the image key for a URL, and the place from which the image can be fetched.

Beeper has several URLs for one picture: `mxc://server/id` before Beeper Desktop has downloaded it, and
`file:///.../media/server/id` afterwards, with a path that differs by machine. All of them have the same image
key, `<server>/<mediaId>`. Media ids are case-sensitive.

Other servers with Beeper's API write the URL of their own `/v1/assets/serve` around such a URL. Only the URL
inside is used, because the server that is named may be any machine.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from posixpath import normpath
from urllib.parse import SplitResult, parse_qsl, quote, unquote, unquote_to_bytes, urlsplit

from imagecache.errors import RejectedSourceError
from imagecache.model.image import ImageRef, LocationKind, RejectionReason
from imagecache.rules.failure_reasons import REJECTIONS

# DynamoDB's limit for a partition key.
_MAX_KEY_BYTES = 2048
_MOST_KEPT_CHARS = 512  # of a URL whose image reference is kept in memory
_MAX_DATA_URL_CHARS = 64 * 1024
_MAX_WEB_URL_CHARS = 8192

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_SERVER = re.compile(r"[a-z0-9_-][a-z0-9._:-]{0,254}")
_MALFORMED_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
# Escapes that must not be left after the one decoding. If a server decoded an id twice, they would become
# characters that lead out of the folder.
_ESCAPE_LEFT = re.compile(r"%(2e|2f|5c|00)", re.IGNORECASE)
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
# What browsers leave out of a URL: blanks and controls around it, tabs and line breaks in it.
_BLANKS = "".join(map(chr, range(0x21)))
_IGNORED_IN_URLS = re.compile(r"[\t\n\r]")
_DATA_AFTER_BLANKS = re.compile(r"[\x00-\x20]+data:", re.IGNORECASE)
_BASE64_MARK = re.compile(r"; *base64[\t\n\f\r ]*$", re.IGNORECASE)
_MXC = re.compile(r"(?:local)?mxc:", re.IGNORECASE)
_BLANKS_IN_BASE64 = b"\t\n\f\r "
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*")

# RFC 1035 §2.3.4.
_MAX_HOST_CHARS = 253
_MAX_LABEL_CHARS = 63
# The forbidden characters of a host in the WHATWG's standard on URLs.
_NOT_IN_A_HOST = re.compile(r"[\x00-\x20\x7f#%/:<>?@\[\\\]^|]")
# Zero width non-joiner and joiner, which only some scripts need.
_JOINERS = "\u200c\u200d"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# A file URL may have the slash before the drive or not: programs that put `file://` in front of a path leave
# it out.
_WINDOWS_PATH = re.compile(r"/?([a-z]:[\\/].*)", re.IGNORECASE | re.DOTALL)
# Old examples of Beeper's API have such paths. The folder that they begin in is not known.
_RELATIVE_PATH = re.compile(r"BeeperTexts(?:-[^/]*)?/")
_ATTACHMENT = re.compile(r".*/BeeperTexts(?:-[^/]*)?/(?!media/)([^/]*)/attachments/([^/]*)", re.DOTALL)
_HTTP_URL = re.compile(r"(?:https?://[^/?#\\]*|(?=/(?!/)))([^?#]*)(?:\?([^#]*))?", re.IGNORECASE)
_ASSETS_SERVE = "/v1/assets/serve"
_SERVED_NAMES = {"url", "uri"}
# Other ways to write the name of a parameter, which only some servers understand.
_BETWEEN_PARAMETERS = re.compile("[&;]")
_AFTER_NAME = re.compile(r"\[.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MediaLocation:
    """An image in Beeper's media folder. `url` is a URL of the image that Beeper's API accepts."""

    server: str
    media_id: str
    url: str

    @property
    def key(self) -> str:
        """The image key, which is the same for every URL of this image."""
        return f"{self.server}/{self.media_id}"

    @property
    def path(self) -> str:
        """The key as the path of a request to the media server, percent-encoded once.

        The path must be valid, because a malformed escape makes the media server crash.
        """
        return f"{quote(self.server, safe='')}/{quote(self.media_id, safe='')}"


@dataclass(frozen=True, slots=True)
class WebLocation:
    """An image on the web. `url` is its normalised URL."""

    url: str

    @property
    def key(self) -> str:
        """The image key: the URL, or its hash if the URL is too long for a key."""
        if len(self.url.encode()) <= _MAX_KEY_BYTES:
            return self.url
        return f"https:sha256:{hashlib.sha256(self.url.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class DataLocation:
    """An image that its URL contains."""

    content: bytes

    @property
    def key(self) -> str:
        """The image key: the hash of the content."""
        return f"data:sha256:{hashlib.sha256(self.content).hexdigest()}"


ImageLocation = MediaLocation | WebLocation | DataLocation


@dataclass(frozen=True, slots=True)
class StorableSource:
    """A source URL without secrets, and its image key or the reason why it is rejected."""

    source_url: str
    image: ImageRef

    @property
    def rejection(self) -> str | None:
        """A text that says why the URL is rejected, or None if it is not."""
        return REJECTIONS[self.image.rejected] if self.image.rejected else None


# --- The parsers of the schemes. Each raises RejectedSourceError if the URL is not valid.


def _parse_mxc(url: str) -> MediaLocation:
    return _media_location(*_two_segments(_without_query(_after_slashes(url)), escaped=True), url)


def _parse_localmxc(url: str) -> MediaLocation:
    """Parses `localmxc://<bridge>/<id>`. Beeper stores such media in the folder `localhost<bridge>`."""
    bridge, media_id = _two_segments(_without_query(_after_slashes(url)), escaped=True)
    return _media_location(f"localhost{bridge}", media_id, url)


def _parse_file(url: str) -> MediaLocation:
    """Parses `file:///<path>` and `file://localhost/<path>`, which mean the same (RFC 8089)."""
    path = re.sub(r"^localhost(?=/)", "", _without_query(_after_slashes(url)), flags=re.IGNORECASE)
    path = _with_slashes(path)
    if not path.startswith("/"):  # a file on another host
        raise RejectedSourceError(RejectionReason.MALFORMED)
    return _media_location(*_server_and_id(path, escaped=True), f"file://{path}")


def _parse_path(path: str) -> MediaLocation:
    """Parses a path without a scheme, which is not percent-encoded, and makes a file URL of it for Beeper."""
    path = f"/{path}" if _RELATIVE_PATH.match(path) else _with_slashes(path)
    return _media_location(*_server_and_id(path, escaped=False), f"file://{quote(path, safe='/:')}")


def _parse_https(url: str) -> WebLocation:
    """Parses an https URL. The host gets its normal form, and the port 443 and the fragment are left out.

    URLs that differ only in these lead to the same request, so they get the same image key.
    """
    if len(url) > _MAX_WEB_URL_CHARS:
        raise RejectedSourceError(RejectionReason.TOO_LONG)
    try:
        parts = urlsplit(url)
        host = _normal_host(_host_as_written(parts))
        port = parts.port
    except (ValueError, UnicodeError) as error:
        raise RejectedSourceError(RejectionReason.MALFORMED) from error
    if "@" in parts.netloc or _CONTROL.search(url):
        raise RejectedSourceError(RejectionReason.MALFORMED)
    authority = f"[{host}]" if ":" in host else host
    authority += f":{port}" if port not in {None, 443} else ""
    query = f"?{parts.query}" if parts.query else ""
    return WebLocation(f"https://{authority}{parts.path or '/'}{query}")


def _host_as_written(parts: SplitResult) -> str:
    """Returns the host of a URL without credentials, with the capital letters that it was written with.

    `hostname` has them in lower case by Python's rules, in which a Greek sigma at the end of a word differs.
    """
    return (parts.hostname or "") if "[" in parts.netloc else parts.netloc.partition(":")[0]


def _normal_host(host: str) -> str:
    """Returns the form of a host name that is looked up: lower case, ASCII, and no dot at its end.

    Raises ValueError or UnicodeError if no host can have this name.
    """
    if ":" in host:  # an IPv6 address
        return host
    if "%" in host:
        host = unquote_to_bytes(host).decode()
    host = host.lower() if host.isascii() else _idna_ascii(host)
    host = host.removesuffix(".")
    labels = host.split(".")
    if len(host) > _MAX_HOST_CHARS or not all(0 < len(label) <= _MAX_LABEL_CHARS for label in labels):
        raise ValueError("a label of the host is empty, or the host is too long")
    if _NOT_IN_A_HOST.search(host):
        raise ValueError("the host has a character that no host can have")
    return host


def _idna_ascii(host: str) -> str:
    """Returns the ASCII form of an international host name, as browsers make it.

    Its characters are mapped by UTS 46 without the transitional rules, so `ß` stays what it is. Browsers do
    not demand that IDNA 2008 allows each character: names with emoji exist. Raises UnicodeError.
    """
    # The tables take long to load, above all without bytecode, and few hosts need them.
    import idna  # noqa: PLC0415 - see the comment above

    labels = idna.uts46_remap(host, std3_rules=False).split(".")
    for number, label in enumerate(labels):
        if not label.isascii():
            idna.check_initial_combiner(label)
            idna.check_bidi(label)
            if not all(idna.valid_contextj(label, at) for at, mark in enumerate(label) if mark in _JOINERS):
                raise UnicodeError("a joiner between letters that are not joined")
            labels[number] = f"xn--{label.encode('punycode').decode()}"
    return ".".join(labels)


def _parse_data(url: str) -> DataLocation:
    """Decodes a data URL as browsers do (WHATWG Fetch, "data: URL processor").

    Base64 may have blanks, and no `=` at its end. The fragment is no part of the content.
    """
    if len(url) > _MAX_DATA_URL_CHARS:
        raise RejectedSourceError(RejectionReason.TOO_LONG)
    header, comma, body = _IGNORED_IN_URLS.sub("", url.strip(_BLANKS)).partition("#")[0].partition(",")
    if not comma:
        raise RejectedSourceError(RejectionReason.MALFORMED)
    content = unquote_to_bytes(body)
    if not _BASE64_MARK.search(header):
        return DataLocation(content)
    encoded = content.translate(None, delete=_BLANKS_IN_BASE64)
    if len(encoded) % 4 == 0:
        encoded = re.sub(rb"={1,2}$", b"", encoded)
    if not encoded or not _BASE64.fullmatch(encoded) or len(encoded) % 4 == 1:
        raise RejectedSourceError(RejectionReason.MALFORMED)
    return DataLocation(base64.b64decode(encoded + b"=" * (-len(encoded) % 4)))


def _reject(url: str) -> ImageLocation:
    has_scheme = _SCHEME.match(url) is not None
    raise RejectedSourceError(RejectionReason.UNSUPPORTED_SCHEME if has_scheme else RejectionReason.MALFORMED)


def _after_slashes(url: str) -> str:
    """Returns the part after `<scheme>://`. Raises RejectedSourceError if there are no slashes."""
    rest = url.partition(":")[2]
    if not rest.startswith("//"):
        raise RejectedSourceError(RejectionReason.MALFORMED)
    return rest[2:]


def _without_query(path: str) -> str:
    return re.split(r"[?#]", path, maxsplit=1)[0]


def _with_slashes(path: str) -> str:
    """Returns a Windows path in the form that paths have in file URLs, and any other path unchanged."""
    windows = _WINDOWS_PATH.fullmatch(path)
    return "/" + windows.group(1).replace("\\", "/") if windows else path


def _server_and_id(path: str, *, escaped: bool) -> tuple[str, str]:
    """Returns the server and the media id in a path.

    They follow the last `/media/`. An earlier one may be the folder below which Linux mounts disks. Older
    versions of Beeper keep some pictures in `BeeperTexts/<account>/attachments/<hash>`: their account stands
    for the server. Their media id has a slash, which no other has, so the two kinds never have the same key.
    """
    # The other parts of the path decide nothing here, but Beeper opens the whole path: it must not lead away,
    # nor begin with another computer's name, as a path of Windows can.
    parts = {unquote(part) for part in path.split("/")} if escaped else set(path.split("/"))
    if path.startswith("//") or parts & {".", ".."}:
        raise RejectedSourceError(RejectionReason.MALFORMED)
    if attachment := _ATTACHMENT.fullmatch(path):
        account, name = _two_segments("/".join(attachment.groups()), escaped=escaped)
        return account, f"attachments/{name}"
    _, folder, rest = path.rpartition("/media/")
    if not folder:
        raise RejectedSourceError(RejectionReason.OUTSIDE_MEDIA_FOLDER)
    return _two_segments(rest, escaped=escaped)


def _two_segments(path: str, *, escaped: bool) -> tuple[str, str]:
    """Splits `<server>/<media id>`. `escaped` is True if both are percent-encoded."""
    segments = path.split("/")
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
    """Returns the path segment. Raises RejectedSourceError if it could lead out of the media folder."""
    is_unsafe = "/" in segment or "\\" in segment or _CONTROL.search(segment) or _ESCAPE_LEFT.search(segment)
    if is_unsafe or segment in {"", ".", ".."}:
        raise RejectedSourceError(RejectionReason.MALFORMED)
    return segment


def _media_location(server: str, media_id: str, url: str) -> MediaLocation:
    server = server.lower()
    if not _SERVER.fullmatch(server):
        raise RejectedSourceError(RejectionReason.MALFORMED)
    location = MediaLocation(server, media_id, url)
    if len(location.key.encode()) > _MAX_KEY_BYTES:
        raise RejectedSourceError(RejectionReason.TOO_LONG)
    return location


# --- The schemes


@dataclass(frozen=True, slots=True)
class _Scheme:
    """The properties of the source URLs with a certain scheme.

    `is_on_disk`: Beeper Desktop has downloaded the image. `may_change`: the picture at the same URL may
    change later. `query_is_secret`: the query may have a key that decrypts the image.
    """

    kind: LocationKind
    parse: Callable[[str], ImageLocation]
    is_on_disk: bool = False
    may_change: bool = False
    query_is_secret: bool = False


_BARE_PATH = "/"
_SCHEMES = {
    "mxc": _Scheme(LocationKind.BEEPER, _parse_mxc, query_is_secret=True),
    "localmxc": _Scheme(LocationKind.BEEPER, _parse_localmxc, query_is_secret=True),
    "file": _Scheme(LocationKind.BEEPER, _parse_file, is_on_disk=True),
    _BARE_PATH: _Scheme(LocationKind.BEEPER, _parse_path, is_on_disk=True),
    "https": _Scheme(LocationKind.WEB, _parse_https, may_change=True),
    "data": _Scheme(LocationKind.DATA, _parse_data),
}
_NEVER_FETCHED = _Scheme(LocationKind.REJECTED, _reject)

SCHEMES = tuple(name for name in _SCHEMES if name != _BARE_PATH)
"""The schemes of URLs that are fetched, in lower case."""
FETCHED_URLS = f"{', '.join(SCHEMES[:-1])} or {SCHEMES[-1]}, or a path in Beeper's media folder"
"""The URLs that are fetched, in words."""


def _scheme_of(url: str) -> _Scheme:
    if url.startswith("/") or _WINDOWS_PATH.fullmatch(url) or _RELATIVE_PATH.match(url):
        return _SCHEMES[_BARE_PATH]
    if _DATA_AFTER_BLANKS.match(url):
        return _SCHEMES["data"]
    named = _SCHEME.match(url)
    return _SCHEMES.get(named.group(1).lower(), _NEVER_FETCHED) if named else _NEVER_FETCHED


def _resolved(source_url: str) -> tuple[_Scheme, str]:
    """Returns a URL and its scheme. A URL of `/v1/assets/serve` is replaced by the URL in its query.

    If the URL in the query does not lead to Beeper's media, or is not encoded correctly, the scheme is one
    that is never fetched.
    """
    inside = _served_urls(source_url)
    if not inside:
        return _scheme_of(source_url), source_url
    scheme = _scheme_of(inside[0])
    is_media = scheme.kind is LocationKind.BEEPER and len(inside) == 1
    return (scheme, inside[0]) if is_media else (_NEVER_FETCHED, source_url)


def _served_urls(source_url: str) -> list[str]:
    """Returns the different values of `url` and `uri` in a URL of `/v1/assets/serve`, which may be relative.

    Returns none of any other URL. The path and the names may be written in any way that a server may
    understand. A value that is not valid UTF-8, or whose name is written in an unusual way, is an empty text.
    """
    parts = _HTTP_URL.match(source_url)
    if not parts or not _without_disguise(parts[1]).endswith(_ASSETS_SERVE):
        return []
    query = parts[2] or ""
    names = {
        _AFTER_NAME.sub("", _decoded_twice(each.partition("=")[0])).casefold()
        for each in _BETWEEN_PARAMETERS.split(query)
    }
    if not names & _SERVED_NAMES:
        return []
    if _MALFORMED_ESCAPE.search(query):
        return [""]
    try:
        parameters = parse_qsl(query, keep_blank_values=True, errors="strict")
        with_plus_signs = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True, errors="strict")
    except ValueError:
        return [""]
    # A plus sign in a path is an encoded blank. The id of an mxc URL has no blanks, so there it is itself.
    served = {
        (written if _MXC.match(written.strip(_BLANKS)) else value).strip(_BLANKS): None
        for (name, value), (_, written) in zip(parameters, with_plus_signs, strict=True)
        if unquote(name).casefold() in _SERVED_NAMES
    }
    return list(served) or [""]


def _without_disguise(path: str) -> str:
    """Returns a path in lower case, decoded, without dot segments and without superfluous slashes."""
    return normpath(_decoded_twice(path).replace("\\", "/")).casefold()


def _decoded_twice(text: str) -> str:
    """Decodes percent-escapes twice, because a proxy may decode them before the server does."""
    return unquote(unquote(text))


def parse_source_url(source_url: str) -> ImageLocation:
    """Returns the place from which an image can be fetched. Raises RejectedSourceError."""
    if _LONE_SURROGATE.search(source_url):  # JSON can contain one, UTF-8 cannot
        raise RejectedSourceError(RejectionReason.MALFORMED)
    scheme, url = _resolved(source_url)
    return scheme.parse(url)


def image_key(source_url: str) -> str:
    """Returns the key of an image in cachedImages. Raises RejectedSourceError."""
    return parse_source_url(source_url).key


def image_ref(source_url: str) -> ImageRef:
    """Returns the key of the URL's image, or the reason why the URL is rejected. Never raises."""
    return _kept_ref(source_url) if len(source_url) <= _MOST_KEPT_CHARS else _image_ref(source_url)


# Beeper lists the picture of a person again with each of their chats.
@lru_cache(maxsize=4096)
def _kept_ref(source_url: str) -> ImageRef:
    return _image_ref(source_url)


def _image_ref(source_url: str) -> ImageRef:
    try:
        return ImageRef(image_key(source_url))
    except RejectedSourceError as error:
        return ImageRef(None, error.reason)


def location_kind(source_url: str) -> LocationKind:
    """Returns the kind of place that the URL points to, or REJECTED if its scheme is not supported."""
    return _resolved(source_url)[0].kind


def is_on_disk(source_url: str) -> bool:
    """Returns True if the URL is a path, which means that Beeper Desktop has downloaded the image."""
    return _resolved(source_url)[0].is_on_disk


def may_change(source_url: str) -> bool:
    """Returns True if the picture at the URL may change, which a Beeper media id's never does."""
    return _resolved(source_url)[0].may_change


def storable_url(source_url: str) -> str:
    """Returns the URL without the query of an mxc URL, which may contain a key that decrypts the image.

    Of a URL of `/v1/assets/serve` this is the media URL inside.
    """
    scheme, url = _resolved(source_url)
    return url.partition("?")[0] if scheme.query_is_secret else url


def storable_source(source_url: str) -> StorableSource:
    """Returns the URL as it is stored, with its image key. Never raises: a rejected URL is stored, too."""
    return StorableSource(storable_url(source_url), image_ref(source_url))
