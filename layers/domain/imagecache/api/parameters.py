"""Query parameters → values, each refused with a sentence that says what would do."""

from imagecache.api.http import Request
from imagecache.errors import BadRequestError
from imagecache.model import Folder

_FOLDERS = {"inbox": Folder.INBOX, "archived": Folder.ARCHIVE}


def whole_number(request: Request, name: str, *, least: int, most: int, default: int) -> int:
    """Raises BadRequestError unless absent or within [least, most]."""
    text = request.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
        raise BadRequestError(f"{name} must be a whole number from {least} to {most}")
    return int(text)


def folder(request: Request) -> Folder:
    """`filter`: inbox (default) or archived. Raises BadRequestError."""
    name = request.get("filter", "inbox")
    if name not in _FOLDERS:
        raise BadRequestError(f"filter must be one of {', '.join(_FOLDERS)}")
    return _FOLDERS[name]
