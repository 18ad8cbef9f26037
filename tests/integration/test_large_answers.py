"""No answer exceeds the 6 MB that Lambda may return, and no row is lost because of that.

Lambda's answer is JSON that contains the API's JSON as a text, so a quotation mark in a URL takes four bytes.
"""

import base64
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest

from imagecache.api.http import Response, Route, serve
from imagecache.model.access import Role
from imagecache.model.contact import Contact, KeptBy
from imagecache.model.image import ImageRef, RejectionReason
from tests.integration.api import Api, Logged, unpacked
from tests.integration.conftest import NOW, Stack
from tests.integration.made import CHAT, person, put

LAMBDA_LIMIT = 6_291_556
# The longest that a data URL may be.
URL_CHARS = 65_536
NOISE = random.Random(0)


def noisy_url(number: int) -> str:
    """Returns a long URL that gzip cannot shorten by much."""
    return f"data:image/png;{number};base64,".ljust(30, "A") + base64.b64encode(
        NOISE.randbytes((URL_CHARS - 30) * 3 // 4)
    ).decode().rstrip("=")


def quoting_url(number: int) -> str:
    """Returns a long URL of quotation marks."""
    return f"data:{number},".ljust(URL_CHARS, '"')


URLS = pytest.mark.parametrize("make_url", [noisy_url, quoting_url])


def size_for_lambda(response: Response) -> int:
    return len(json.dumps(response, ensure_ascii=False).encode())


def pages(api: Api, path: str, **query: str) -> Iterator[Any]:
    """Yields every page of a listing, compressed and plain pages alternating."""
    after: dict[str, str] = {}
    for number in range(100):
        headers = {"accept-encoding": "gzip"} if number % 2 else {}
        response = api.raw(f"GET {path}", role=Role.READ, query=query | after, headers=headers)
        assert response["statusCode"] == HTTPStatus.OK
        assert size_for_lambda(response) < LAMBDA_LIMIT
        page = json.loads(unpacked(response))
        yield page
        if page["nextCursor"] is None:
            return
        after = {"cursor": page["nextCursor"]}
    raise AssertionError("the listing does not end")


@pytest.fixture
def api(stack: Stack) -> Api:
    return Api(stack)


@URLS
@pytest.mark.parametrize("status", ["failed", "forgotten"])
def test_images_with_the_longest_urls_are_all_listed_whole(
    stack: Stack, api: Api, status: str, make_url: Callable[[int], str]
) -> None:
    # Both are more than fit into one answer.
    urls = [make_url(number) for number in range(130 if make_url is noisy_url else 40)]
    for number, url in enumerate(urls):
        item = {"imageKey": {"S": f"k{number:03}"}, "status": {"S": status}, "sourceUrl": {"S": url}}
        due = {"nextAttemptAt": {"N": str(NOW + number % 3)}} if status == "failed" else {}
        stack.dynamodb.put_item(TableName="CachedImagesTable", Item=item | due)
    listed = [
        image["sourceUrl"] for page in pages(api, "/api/images", status=status) for image in page["images"]
    ]
    assert sorted(listed) == sorted(urls)


@URLS
def test_references_with_the_longest_urls_are_all_listed_whole(
    stack: Stack, api: Api, make_url: Callable[[int], str]
) -> None:
    """Each member has a picture of their own and that of one contact, so two references are in one row."""
    rejected = ImageRef(None, RejectionReason.MALFORMED)
    shared = make_url(999)
    stack.contacts_table.put(Contact("ada", "Ada", shared, rejected, (), KeptBy.MANUAL))
    members = [
        replace(
            person(f"P{number:03}"),
            source_url=make_url(number),
            image=rejected,
            contact_id="ada",
            participant_id=f"@{number:03}",
        )
        for number in range(45)
    ]
    put(stack, replace(CHAT, participants=tuple(members)))
    listed = [
        (reference["participantId"], reference["sourceUrl"])
        for page in pages(api, "/api/images/uncached")
        for reference in page["references"]
    ]
    own = [(member.participant_id, member.source_url) for member in members]
    contacts = [(member.participant_id, shared) for member in members]
    assert sorted(listed) == sorted([*own, *contacts])


@pytest.mark.parametrize("answer", ["x" * 6_300_000, '"' * 3_200_000, "\u00e9" * 3_200_000])
def test_an_answer_that_lambda_could_not_return_is_refused_with_advice(answer: str) -> None:
    routes = {"GET /x": Route(answer=lambda: answer, gives=str, summary="", role=Role.NONE)}
    response = serve(
        {"routeKey": "GET /x", "headers": {}}, routes=routes, find_role=lambda _: Role.NONE, log=Logged()
    )
    error = json.loads(response["body"])
    assert (response["statusCode"], error["code"]) == (413, "too_large")
    assert "ask for fewer" in error["message"]
    compressed = serve(
        {"routeKey": "GET /x", "headers": {"accept-encoding": "gzip"}},
        routes=routes,
        find_role=lambda _: Role.NONE,
        log=Logged(),
    )
    assert compressed["statusCode"] == HTTPStatus.OK
    assert size_for_lambda(compressed) < LAMBDA_LIMIT
