"""Pictures: their path in Beeper's media folder, and the URLs that chats have for them."""

import posixpath
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

BEEPER_ROOT = "/Users/alex/Library/Application Support/BeeperTexts"
MEDIA_ROOT = f"{BEEPER_ROOT}/media"
WINDOWS_MEDIA_ROOT = "C:/Users/alex/AppData/Roaming/BeeperTexts/media"

# Bridges that run on the laptop keep their media in folders named `localhost<bridge>`.
BRIDGE_FOLDER = "localhost"

# Older versions of Beeper keep some pictures in a folder of the account, outside of the media folder.
ATTACHMENTS = "attachments/"


class UnsupportedSchemeError(Exception):
    """The URL's scheme is not mxc, localmxc or file, the only schemes that assets/serve supports."""


class OutsideMediaFolderError(Exception):
    """A file: URL leads out of the media folder."""


@dataclass(frozen=True, slots=True)
class Media:
    """One immutable file of Beeper's media folder, at `<server>/<media_id>`.

    If `media_id` is `attachments/<hash>`, it is an attachment of the account `server`, which is not in the
    media folder.
    """

    server: str
    media_id: str

    @property
    def key(self) -> str:
        return f"{self.server}/{self.media_id}"

    @property
    def _folder(self) -> str:
        return BEEPER_ROOT if self.media_id.startswith(ATTACHMENTS) else MEDIA_ROOT

    @property
    def mxc_url(self) -> str:
        """The URL before Beeper Desktop has downloaded the file."""
        if self.server.startswith(BRIDGE_FOLDER):
            return f"localmxc://{self.server.removeprefix(BRIDGE_FOLDER)}/{quote(self.media_id, safe='')}"
        return f"mxc://{self.server}/{quote(self.media_id, safe='')}"

    @property
    def file_url(self) -> str:
        """The URL after the download."""
        return f"file://{quote(self._folder)}/{self.server}/{quote(self.media_id)}"

    @property
    def plain_path(self) -> str:
        """The path without a scheme, which some groups have instead of a URL."""
        return f"{self._folder}/{self.key}"

    @property
    def windows_path(self) -> str:
        """The same path on Windows."""
        return f"{WINDOWS_MEDIA_ROOT}/{self.key}".replace("/", "\\")

    @property
    def serve_url(self) -> str:
        """The URL that other servers with Beeper's API have instead of the mxc: URL."""
        return f"http://localhost:23373/v1/assets/serve?uri={quote(self.mxc_url, safe='')}"


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
        """Returns the picture with a path of Windows."""
        return cls(media.windows_path, media)

    @classmethod
    def served(cls, media: Media) -> "Picture":
        """Returns the picture with the URL that other servers with Beeper's API have."""
        return cls(media.serve_url, media)


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


def _media_in_folder(host: str, path: str) -> Media:
    normal_path = posixpath.normpath(path)
    for root in (MEDIA_ROOT, f"/{WINDOWS_MEDIA_ROOT}", BEEPER_ROOT, "/BeeperTexts"):
        server, _, media_id = normal_path.removeprefix(f"{root}/").partition("/")
        is_inside = normal_path.startswith(f"{root}/") and not host
        if is_inside and (root.endswith("/media") or media_id.startswith(ATTACHMENTS)):
            return Media(server, media_id)
    raise OutsideMediaFolderError(path)


def with_wrapped_urls(document: object, base_url: str) -> object:
    """Returns the JSON with each imgURL of Beeper's media replaced by a request to assets/serve for it."""
    if isinstance(document, list):
        return [with_wrapped_urls(item, base_url) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        name: f"{base_url}/v1/assets/serve?url={quote(value, safe='')}"
        if name == "imgURL" and isinstance(value, str) and value.startswith(("mxc:", "localmxc:", "file:"))
        else with_wrapped_urls(value, base_url)
        for name, value in document.items()
    }
