"""The template's distribution leads each path to its origin, and adds its headers."""

import pytest

from local.edge import ApiOrigin, BucketOrigin, matches, read_distribution
from local.template import read_template

DISTRIBUTION = read_distribution(read_template())


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/", "WebBucket"),
        ("/app.js", "WebBucket"),
        ("/api", "WebBucket"),
        ("/images/0a/192.webp", "ImageBucket"),
        ("/originals/0a", "WebBucket"),
        ("/api/chats", "HttpApi"),
    ],
)
def test_a_path_leads_to_its_origin(path: str, resource: str) -> None:
    assert DISTRIBUTION.behaviour(path).origin.resource == resource


def test_no_path_reads_an_original() -> None:
    """The image bucket's policy allows images/* only, whatever behaviours are added."""
    for behaviour in DISTRIBUTION.behaviours:
        if isinstance(behaviour.origin, BucketOrigin) and behaviour.origin.resource == "ImageBucket":
            assert behaviour.origin.readable == ("images/*",)
            assert not behaviour.origin.may_read("originals/0a")


def test_only_the_api_takes_changes_and_its_health_takes_none() -> None:
    for behaviour in DISTRIBUTION.behaviours:
        if isinstance(behaviour.origin, ApiOrigin) and behaviour.pattern != "/api/health":
            assert {"POST", "DELETE"} <= behaviour.methods
        else:
            assert behaviour.methods == {"GET", "HEAD"}


def test_page_and_pictures_are_sent_with_the_headers_of_their_policies() -> None:
    page = {header.name: header.value for header in DISTRIBUTION.behaviour("/").headers}
    picture = {header.name: header.value for header in DISTRIBUTION.behaviour("/images/x").headers}
    assert page["Content-Security-Policy"].startswith("default-src 'none'")
    assert "img-src 'self' data: ; connect-src" in page["Content-Security-Policy"]
    assert page["Referrer-Policy"] == "no-referrer"
    assert picture["X-Content-Type-Options"] == "nosniff"
    assert picture["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_the_root_is_answered_with_index_html() -> None:
    assert DISTRIBUTION.root_object == "index.html"


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("/images/*", "/images/", True),
        ("/images/*", "/images/a/b", True),
        ("/images/*", "/Images/a", False),
        ("/a?c", "/abc", True),
        ("/a?c", "/ac", False),
        ("/a[bc]", "/ab", False),
    ],
)
def test_patterns_fit_as_in_cloudfront(pattern: str, text: str, *, expected: bool) -> None:
    assert matches(pattern, text) is expected
