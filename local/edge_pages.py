"""Decides which web pages may use the local server: its own page, and pages of ALLOWED_ORIGINS.

CloudFront needs no such check. The local server needs it, because every page that is open in a browser on
this machine can send it requests.
"""

from email.message import Message

_PRIVATE_NETWORK = "Access-Control-Request-Private-Network"
_SITES_OF_OUR_PAGE = {"same-origin", "none"}  # "none": a person has typed the address or opened a bookmark


def why_refused(
    method: str, headers: Message, allowed_origins: frozenset[str], *, may_be_linked: bool
) -> str | None:
    """Returns why a request is refused, or None if it may be answered.

    A link on another page may lead to the address if `may_be_linked`. The caller has checked the Host header.
    A program other than a browser does not send the headers that are checked here; the API checks its token.
    """
    if _PRIVATE_NETWORK in headers:
        # A browser asks with this header whether a page from the internet may send requests to this machine.
        return "Pages of other networks may not use this server"
    own_origin = f"http://{headers['Host']}"
    origins = headers.get_all("Origin", [])
    if not allowed_origins.issuperset(set(origins) - {own_origin}):
        return "Pages of other addresses may not use this server: ALLOWED_ORIGINS can name some"
    sites = set(headers.get_all("Sec-Fetch-Site", []))
    if sites <= _SITES_OF_OUR_PAGE or origins:
        return None
    if method == "GET" and (
        (may_be_linked and _is_followed_link(headers)) or (allowed_origins and _is_shown_image(headers))
    ):
        return None
    return "Pages of other addresses may not use this server"


def _is_followed_link(headers: Message) -> bool:
    """Returns True if a person has followed a link. The other page cannot read the answer."""
    return headers["Sec-Fetch-Mode"] == "navigate" and headers["Sec-Fetch-Dest"] == "document"


def _is_shown_image(headers: Message) -> bool:
    """Returns True if another page shows a picture of ours. The browser does not say which page."""
    return headers["Sec-Fetch-Mode"] == "no-cors" and headers["Sec-Fetch-Dest"] == "image"
