"""Pictures: their path in Beeper's media folder, and the URLs that chats have for them."""

import posixpath
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

MEDIA_ROOT = "/Users/alex/Library/Application Support/BeeperTexts/media"
WINDOWS_ROOT = r"C:\Users\alex\AppData\Roaming\BeeperTexts\media"
# Older versions kept the pictures of a bridge on the laptop in a folder of that bridge.
ATTACHMENTS = re.compile(r"(?:.*/)?BeeperTexts/([^/]+)/attachments/([^/]+)")
SERVE_PATH = "/v1/assets/serve"

# Bridges that run on the laptop keep their media in folders named `localhost<bridge>`.
BRIDGE_FOLDER = "localhost"


class UnsupportedSchemeError(Exception):
    """The URL's scheme is not mxc, localmxc or file, the only schemes that assets/serve supports."""


class OutsideMediaFolderError(Exception):
    """A file: URL leads out of the media folder."""


@dataclass(frozen=True, slots=True)
class Media:
    """One immutable file of Beeper's media folder, at `<server>/<media_id>`."""

    server: str
    media_id: str

    @property
    def key(self) -> str:
        return f"{self.server}/{self.media_id}"

    @property
    def mxc_url(self) -> str:
        """The URL before Beeper Desktop has downloaded the file."""
        if self.server.startswith(BRIDGE_FOLDER):
            return f"localmxc://{self.server.removeprefix(BRIDGE_FOLDER)}/{quote(self.media_id, safe='')}"
        return f"mxc://{self.server}/{quote(self.media_id, safe='')}"

    @property
    def file_url(self) -> str:
        """The URL after the download."""
        return f"file://{quote(MEDIA_ROOT)}/{self.server}/{quote(self.media_id, safe='')}"

    @property
    def plain_path(self) -> str:
        """The path without a scheme, which some groups have instead of a URL."""
        return f"{MEDIA_ROOT}/{self.key}"

    @property
    def windows_path(self) -> str:
        """The path without a scheme on a laptop with Windows."""
        return f"{WINDOWS_ROOT}\\{self.server}\\{self.media_id}"

    @property
    def attachment_path(self) -> str:
        """The path in the folder of a bridge, whose name is then the server of the media."""
        return f"BeeperTexts/{self.server}/attachments/{self.media_id}"


@dataclass(frozen=True, slots=True)
class Picture:
    """An imgURL. `media` is None for data: and https: URLs, which Beeper does not serve."""

    url: str
    media: Media | None = None

    @classmethod
    def remote(cls, media: Media) -> "Picture":
        """Returns the picture with the URL that it has before the download."""
        return cls(media.mxc_url, media)

    @classmethod
    def on_disk(cls, media: Media) -> "Picture":
        """Returns the picture with the URL that it has after the download."""
        return cls(media.file_url, media)

    @classmethod
    def by_path(cls, media: Media) -> "Picture":
        """Returns the picture with a path instead of a URL, which some groups have."""
        return cls(media.plain_path, media)

    @classmethod
    def by_windows_path(cls, media: Media) -> "Picture":
        """Returns the picture with a path of a laptop with Windows."""
        return cls(media.windows_path, media)

    @classmethod
    def by_attachment_path(cls, media: Media) -> "Picture":
        """Returns the picture with a path in the folder of its bridge."""
        return cls(media.attachment_path, media)


def media_at(url: str) -> Media:
    """Returns the media file for a URL. Raises UnsupportedSchemeError and OutsideMediaFolderError."""
    parts = urlsplit(url)
    match parts.scheme:
        case "mxc":
            return Media(parts.netloc.lower(), unquote(parts.path.removeprefix("/")))
        case "localmxc":
            return Media(BRIDGE_FOLDER + parts.netloc.lower(), unquote(parts.path.removeprefix("/")))
        case "file":
            return _media_in_folder(parts.netloc, unquote(parts.path))
    raise UnsupportedSchemeError(parts.scheme)


def with_wrapped_urls(document: object, base_url: str) -> object:
    """Returns the JSON with each imgURL of Beeper's media replaced by a request to assets/serve for it."""
    if isinstance(document, list):
        return [with_wrapped_urls(item, base_url) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        name: f"{base_url}{SERVE_PATH}?url={quote(value, safe='')}"
        if name == "imgURL" and isinstance(value, str) and value.startswith(("mxc:", "localmxc:", "file:"))
        else with_wrapped_urls(value, base_url)
        for name, value in document.items()
    }


def _media_in_folder(host: str, path: str) -> Media:
    normal_path = posixpath.normpath(path)
    if host:
        raise OutsideMediaFolderError(path)
    if attachment := ATTACHMENTS.fullmatch(normal_path):
        return Media(*attachment.groups())
    if not normal_path.startswith(f"{MEDIA_ROOT}/"):
        raise OutsideMediaFolderError(path)
    server, _, media_id = normal_path.removeprefix(f"{MEDIA_ROOT}/").partition("/")
    return Media(server, media_id)
