"""Decides which web pages may use the local server: its own page, and those that the stack allows.

CloudFront answers everybody. The local server can be reached from this machine only, but by every page that
is open in one of its browsers.
"""

from email.message import Message

from local.edge import Behaviour

_PRIVATE_NETWORK = "Access-Control-Request-Private-Network"
_SITES_OF_OUR_PAGE = {"same-origin", "none"}  # "none": a person typed the address, or opened a bookmark


def why_refused(
    method: str, headers: Message, behaviour: Behaviour, allowed_origins: frozenset[str]
) -> str | None:
    """Returns why a request is refused, or None if it may be answered. Its Host header was checked before.

    `behaviour` is the one that the request leads to. A program other than a browser sends none of the headers
    that are looked at here; the API checks its token.
    """
    if _PRIVATE_NETWORK in headers:
        # A browser asks this before a page from the internet may reach into the network of its reader.
        return "Pages of other networks may not use this server"
    own_origin = f"http://{headers['Host']}"
    origins = headers.get_all("Origin", [])
    if not allowed_origins.issuperset(set(origins) - {own_origin}):
        return "Pages of other addresses may not use this server: ALLOWED_ORIGINS can name some"
    sites = set(headers.get_all("Sec-Fetch-Site", []))
    if sites <= _SITES_OF_OUR_PAGE or origins:
        return None
    if method == "GET" and (
        _is_followed_link(headers, behaviour) or (allowed_origins and _is_shown_image(headers))
    ):
        return None
    return "Pages of other addresses may not use this server"


def _is_followed_link(headers: Message, behaviour: Behaviour) -> bool:
    """Returns whether a person followed a link to our page, which the other page then cannot look into."""
    return (
        headers["Sec-Fetch-Mode"] == "navigate"
        and headers["Sec-Fetch-Dest"] == "document"
        and behaviour.pattern == "*"
    )


def _is_shown_image(headers: Message) -> bool:
    """Returns whether a page shows a picture of ours. A browser does not say which page does."""
    return headers["Sec-Fetch-Mode"] == "no-cors" and headers["Sec-Fetch-Dest"] == "image"
