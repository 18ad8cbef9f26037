"""CloudFront drops its copies of a forgotten picture, which is forgotten whatever CloudFront answers."""

from functools import partial
from typing import Any

import boto3
import pytest

from imagecache.stores.cdn import PATIENCE, Cdn
from tests.integration.api import Api
from tests.integration.conftest import DISTRIBUTION_PARAMETER, Stack
from tests.integration.made import cache, request

URL = "mxc://s/ada"


@pytest.fixture
def api(stack: Stack) -> Api:
    return Api(stack)


@pytest.fixture
def distribution(stack: Stack) -> str:  # noqa: ARG001 - moto is at work
    """Creates a distribution, and the parameter with its id as the template has it."""
    cloudfront: Any = boto3.client("cloudfront")
    target = {"TargetOriginId": "images", "ViewerProtocolPolicy": "https-only", "CachePolicyId": "c"}
    bucket = "images.s3.amazonaws.com"
    origin = {"Id": "images", "DomainName": bucket, "S3OriginConfig": {"OriginAccessIdentity": ""}}
    made = cloudfront.create_distribution(
        DistributionConfig={
            "CallerReference": "r",
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": target,
        }
    )
    name_distribution(made["Distribution"]["Id"])
    return str(made["Distribution"]["Id"])


def name_distribution(distribution_id: str) -> None:
    boto3.client("ssm").put_parameter(Name=DISTRIBUTION_PARAMETER, Value=distribution_id, Type="String")


def invalidated(distribution_id: str) -> list[tuple[str, list[str]]]:
    """Returns the reference and the paths of each invalidation."""
    cloudfront: Any = boto3.client("cloudfront")
    listed = cloudfront.list_invalidations(DistributionId=distribution_id)["InvalidationList"]
    told = [
        cloudfront.get_invalidation(DistributionId=distribution_id, Id=one["Id"])["Invalidation"]
        for one in listed.get("Items", [])
    ]
    batches = [one["InvalidationBatch"] for one in told]
    return [(batch["CallerReference"], batch["Paths"]["Items"]) for batch in batches]


def forget(api: Api, url: str = URL) -> Any:
    return api.post("/api/images/forget", sourceUrl=url)["edge"]


def test_cloudfront_drops_every_size_of_a_forgotten_picture_each_time(
    stack: Stack, api: Api, distribution: str
) -> None:
    cache(stack, "s/ada", "b10b")
    assert forget(api) == "told"
    assert [paths for _, paths in invalidated(distribution)] == [["/images/b10b/*"]]
    stack.now += 1000
    api.post("/api/images/refresh", sourceUrl=URL)
    cache(stack, "s/ada", "b10b")
    assert forget(api) == "told"
    told = invalidated(distribution)
    assert [paths for _, paths in told] == [["/images/b10b/*"]] * 2
    assert len({reference for reference, _ in told}) == 2


def test_content_that_another_image_shows_stays_in_cloudfront(
    stack: Stack, api: Api, distribution: str
) -> None:
    cache(stack, "s/ada", "same")
    cache(stack, "s/twin", "same")
    assert forget(api) == "not_needed"
    assert invalidated(distribution) == []


@pytest.mark.usefixtures("distribution")
def test_a_picture_that_was_never_cached_needs_no_invalidation(stack: Stack, api: Api) -> None:
    stack.cached_images.mark_queued(request("s/ada"))
    assert [forget(api), forget(api)] == ["not_needed", "not_needed"]


@pytest.mark.parametrize(("named", "trouble"), [(None, "ParameterNotFound"), ("EGONE", "NoSuchDistribution")])
def test_a_picture_is_forgotten_although_the_invalidation_fails(
    stack: Stack, api: Api, named: str | None, trouble: str
) -> None:
    if named:
        name_distribution(named)
    cache(stack, "s/ada", "b10b")
    assert forget(api) == "not_told"
    assert stack.row("s/ada")["status"] == "forgotten"
    assert api.log.lines == [
        (
            "forget",
            {"deleted_versions": 0, "hidden_objects": 0, "invalidation": "not_told", "trouble": trouble},
        )
    ]


def test_a_picture_is_forgotten_although_cloudfront_does_not_answer(stack: Stack) -> None:
    nobody = partial(boto3.client, config=PATIENCE, endpoint_url="http://127.0.0.1:9")
    stack.wiring.cdn = Cdn(parameter=DISTRIBUTION_PARAMETER, make_client=nobody)
    api = Api(stack)
    cache(stack, "s/ada", "b10b")
    assert forget(api) == "not_told"
    assert stack.row("s/ada")["status"] == "forgotten"
    [(_, logged)] = api.log.lines
    assert logged["trouble"] == "EndpointConnectionError"
