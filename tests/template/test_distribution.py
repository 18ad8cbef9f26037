"""One domain in front of pictures, API and page."""

from typing import Any

import pytest

from tests.template.conftest import Resources
from tests.template.translated import Template


@pytest.fixture
def distribution(resources: Resources) -> dict[str, Any]:
    config: dict[str, Any] = resources["Distribution"]["Properties"]["DistributionConfig"]
    return config


@pytest.fixture
def behaviors(distribution: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {behavior["PathPattern"]: behavior for behavior in distribution["CacheBehaviors"]}


# The statuses that CloudFront can keep, by its documentation. It keeps 416 never.
_STATUSES_KEPT_BY_DEFAULT = {400, 403, 404, 405, 414, 500, 501, 502, 503, 504}


def test_an_error_is_neither_kept_nor_turned_into_a_page(distribution: dict[str, Any]) -> None:
    errors = distribution["CustomErrorResponses"]

    assert {error["ErrorCode"] for error in errors} == _STATUSES_KEPT_BY_DEFAULT
    for error in errors:
        assert error == {"ErrorCode": error["ErrorCode"], "ErrorCachingMinTTL": 0}


def test_each_path_goes_to_its_own_origin(
    distribution: dict[str, Any], behaviors: dict[str, dict[str, Any]]
) -> None:
    targets = {path: behavior["TargetOriginId"] for path, behavior in behaviors.items()}

    assert targets == {"/images/*": "images", "/api/health": "api", "/api/*": "api"}
    assert distribution["DefaultCacheBehavior"]["TargetOriginId"] == "web"


def test_each_bucket_is_reached_as_the_distribution_and_not_as_anybody(distribution: dict[str, Any]) -> None:
    origins = {origin["Id"]: origin for origin in distribution["Origins"]}

    for name in ("images", "web"):
        assert origins[name]["OriginAccessControlId"] == {"Fn::GetAtt": ["OriginAccess", "Id"]}
    assert origins["images"]["DomainName"] == {"Fn::GetAtt": ["ImageBucket", "RegionalDomainName"]}
    assert origins["web"]["DomainName"] == {"Fn::GetAtt": ["WebBucket", "RegionalDomainName"]}


def test_the_api_is_never_cached_and_gets_every_header_but_host(
    behaviors: dict[str, dict[str, Any]],
) -> None:
    caching_disabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    all_viewer_except_host = "b689b0a8-53d0-40ab-baf2-68738e2966ac"

    assert behaviors["/api/*"]["CachePolicyId"] == caching_disabled
    assert behaviors["/api/*"]["OriginRequestPolicyId"] == all_viewer_except_host


def test_health_is_kept_for_ten_seconds_whatever_a_request_carries(
    resources: Resources, behaviors: dict[str, dict[str, Any]]
) -> None:
    """Nobody needs a token for it, so repeated requests must end at CloudFront."""
    paths = list(behaviors)
    assert paths.index("/api/health") < paths.index("/api/*")  # the first that fits is taken
    health = behaviors["/api/health"]
    assert health["CachePolicyId"] == {"Ref": "HealthCaching"}
    assert "OriginRequestPolicyId" not in health
    policy = resources["HealthCaching"]["Properties"]["CachePolicyConfig"]
    # The API's answer forbids caching. CloudFront obeys that only if the least time is 0.
    assert (policy["MinTTL"], policy["DefaultTTL"], policy["MaxTTL"]) == (10, 10, 10)
    assert policy["ParametersInCacheKeyAndForwardedToOrigin"] == {
        "HeadersConfig": {"HeaderBehavior": "none"},
        "CookiesConfig": {"CookieBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "none"},
        "EnableAcceptEncodingGzip": False,
    }


def test_nothing_is_answered_without_encryption(
    distribution: dict[str, Any], behaviors: dict[str, dict[str, Any]]
) -> None:
    policies = {
        behavior["ViewerProtocolPolicy"]
        for behavior in (*behaviors.values(), distribution["DefaultCacheBehavior"])
    }

    assert policies == {"https-only", "redirect-to-https"}  # no allow-all
    assert (
        behaviors["/api/*"]["ViewerProtocolPolicy"] == "https-only"
    )  # a redirect would come after the token


def test_a_browser_that_has_seen_the_page_never_asks_for_it_without_encryption(resources: Resources) -> None:
    config = resources["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    policy = config["SecurityHeadersConfig"]["StrictTransportSecurity"]

    assert policy["Override"] is True
    assert policy["AccessControlMaxAgeSec"] >= 31_536_000  # a year


def test_an_own_domain_is_served_with_its_certificate_and_a_modern_tls(
    template: Template, distribution: dict[str, Any]
) -> None:
    assert distribution["Aliases"] == {
        "Fn::If": ["HasDomain", [{"Ref": "DomainName"}], {"Ref": "AWS::NoValue"}]
    }
    condition, own, default = distribution["ViewerCertificate"]["Fn::If"]
    assert condition == "HasDomain"
    assert own == {
        "AcmCertificateArn": {"Ref": "CertificateArn"},
        "SslSupportMethod": "sni-only",
        "MinimumProtocolVersion": "TLSv1.2_2021",
    }
    assert default == {"CloudFrontDefaultCertificate": True}
    condition, own, default = template["Outputs"]["Address"]["Value"]["Fn::If"]
    assert (condition, own) == ("HasDomain", {"Fn::Sub": "https://${DomainName}"})
    assert default == {"Fn::Sub": "https://${Distribution.DomainName}"}


@pytest.mark.parametrize("headers", ["ImageHeaders", "PageHeaders"])
def test_a_browser_never_guesses_what_an_answer_is(resources: Resources, headers: str) -> None:
    config = resources[headers]["Properties"]["ResponseHeadersPolicyConfig"]

    assert config["SecurityHeadersConfig"]["ContentTypeOptions"] == {"Override": True}


def test_the_page_may_show_pictures_from_where_their_urls_lead(resources: Resources) -> None:
    """PublicBaseUrl is put before every image URL; the page's own policy must know it."""
    config = resources["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    policy = config["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]

    assert "; img-src 'self' data: ${PublicBaseUrl}; " in policy


def test_admin_may_drop_copies_of_this_distribution_alone_whose_id_it_finds_by_name(
    resources: Resources,
) -> None:
    """Neither stands in the function or its role: these are made before the distribution."""
    parameter, policy = resources["DistributionId"]["Properties"], resources["AdminInvalidates"]["Properties"]
    assert (parameter["Name"], parameter["Value"]) == (
        {"Fn::Sub": "/${AWS::StackName}/distribution-id"},
        {"Ref": "Distribution"},
    )
    assert policy["Roles"] == [{"Ref": "AdminFunctionRole"}]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == (
        "cloudfront:CreateInvalidation",
        {"Fn::Sub": "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}"},
    )
