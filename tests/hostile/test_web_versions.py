"""Validators of a web server, and its answers to conditional requests."""

import pytest

from imagecache.errors import OriginDownError
from imagecache.model.image import NO_VALIDATORS, Fetched, Unchanged, Validators
from tests.hostile.origin import Say, answer
from tests.hostile.web import IMAGE, Web, conditions, in_turn, moved

MONDAY = "Mon, 05 Oct 2026 07:28:00 GMT"
TUESDAY = "Tue, 06 Oct 2026 07:28:00 GMT"
KNOWN = Validators('"v1"', MONDAY)
NEW = answer("200 OK", IMAGE, 'ETag: "v2"')
NOT_MODIFIED = answer("304 Not Modified")


def test_the_validators_of_the_answer_are_returned(web: Web) -> None:
    say = answer("200 OK", IMAGE, 'ETag: W/"v1"', f"Last-Modified: {MONDAY}")
    assert web.fetch(say) == Fetched(IMAGE, Validators('W/"v1"', MONDAY))


@pytest.mark.parametrize(
    "name",
    [
        "ETag: ",
        'ETag: "' + "x" * 501 + '"',
        'ETag: "caf\xe9"',
        'ETag: "a\tb\x01"',
        "ETag: *",
        "ETag: v1",
        'ETag: "v1", "v2"',
        "Last-Modified: yesterday",
        f"Last-Modified: {MONDAY}, {TUESDAY}",
    ],
)
def test_a_malformed_validator_is_not_kept(web: Web, name: str) -> None:
    assert web.fetch(answer("200 OK", IMAGE, name)) == Fetched(IMAGE)


def test_validators_of_the_target_of_a_redirect_are_not_kept(web: Web) -> None:
    assert web.fetch(in_turn(moved("/b.jpg"), NEW)) == Fetched(IMAGE)


@pytest.mark.parametrize(
    ("cached", "asked"),
    [
        (NO_VALIDATORS, {}),
        (Validators(etag='W/"v1"'), {"If-None-Match": 'W/"v1"'}),
        (Validators(last_modified=MONDAY), {"If-Modified-Since": MONDAY}),
        (KNOWN, {"If-None-Match": '"v1"', "If-Modified-Since": MONDAY}),
    ],
)
def test_the_request_is_for_any_version_but_the_cached_one(
    web: Web, cached: Validators, asked: dict[str, str]
) -> None:
    assert web.fetch(NEW, cached=cached) == Fetched(IMAGE, Validators('"v2"'))
    assert [conditions(request) for request in web.asked] == [asked]


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ([], KNOWN),
        (['ETag: W/"v1"'], Validators('W/"v1"', MONDAY)),
        ([f"Last-Modified: {TUESDAY}"], Validators('"v1"', TUESDAY)),
        (["ETag: *", "Last-Modified: now"], KNOWN),
    ],
)
def test_a_304_keeps_the_validators_except_those_that_it_replaces(
    web: Web, said: list[str], named: Validators
) -> None:
    assert web.fetch(answer("304 Not Modified", b"", *said), cached=KNOWN) == Unchanged(named)
    assert len(web.asked) == 1


def test_a_304_that_names_another_version_is_not_believed(web: Web) -> None:
    other = answer("304 Not Modified", b"", 'ETag: "v2"')
    assert web.fetch(in_turn(other, NEW), cached=KNOWN) == Fetched(IMAGE, Validators('"v2"'))
    assert [len(conditions(request)) for request in web.asked] == [2, 0]


def test_only_the_sources_own_url_is_asked_about_a_version(web: Web) -> None:
    assert web.fetch(in_turn(moved("/b.jpg"), NEW), cached=KNOWN) == Fetched(IMAGE)
    assert [len(conditions(request)) for request in web.asked] == [2, 0]


@pytest.mark.parametrize(
    ("says", "cached"),
    [
        ([NOT_MODIFIED], NO_VALIDATORS),
        ([moved("/b.jpg"), NOT_MODIFIED], KNOWN),
        ([answer("304 Not Modified", b"", 'ETag: "v2"')], KNOWN),
    ],
    ids=["never asked", "asked elsewhere", "asked for anything"],
)
def test_a_304_to_an_unconditional_request_is_an_error_of_the_server(
    web: Web, says: list[Say], cached: Validators
) -> None:
    with pytest.raises(OriginDownError, match="status 304"):
        web.fetch(in_turn(*says), cached=cached)
