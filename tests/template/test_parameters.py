"""What a person may change, what they are told afterwards, and the settings for `sam`."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.template.conftest import Resources
from tests.template.translated import Template

ROOT = Path(__file__).parent.parent.parent


def test_every_parameter_explains_itself_and_works_untouched(template: Template) -> None:
    for name, parameter in template["Parameters"].items():
        assert len(parameter["Description"]) > 10, name
        assert "Default" in parameter, name
        assert re.fullmatch(parameter.get("AllowedPattern", ".*"), str(parameter["Default"])), name


def test_the_readme_lists_every_parameter_with_its_default(template: Template) -> None:
    table = re.findall(r"^\| `(\w+)` \| (none|.+?) \| ", (ROOT / "README.md").read_text(), re.MULTILINE)
    told = {name: "" if default == "none" else default.strip("`") for name, default in table}

    for name, parameter in template["Parameters"].items():
        assert told.get(name) == str(parameter["Default"]), name


@pytest.mark.parametrize(
    ("parameter", "value", "accepted"),
    [
        ("BeeperUrl", "https://beeper.example.com", True),
        ("BeeperUrl", "http://127.0.0.1:23373", True),
        ("BeeperUrl", "http://beeper.example.com", False),  # its token would travel in the clear
        ("BeeperUrl", "http://127.0.0.1.example.com", False),
        ("BeeperUrl", "https://beeper.example.com/v1", False),
        ("BeeperUrl", "https://me:secret@beeper.example.com", False),
        ("BeeperUrl", "", False),
        ("DexUrl", "https://api.getdex.com", True),
        ("DexUrl", "http://127.0.0.1:8123", True),
        ("DexUrl", "http://api.getdex.com", False),  # the key would travel in the clear
        ("DexApiKeyParameter", "", True),
        ("DexApiKeyParameter", "/imagecache/dex-api-key", True),
        ("DexApiKeyParameter", "imagecache/dex-api-key", False),  # would not fit into the function's right
        ("DexApiKeyParameter", "/imagecache/*", False),  # a right to everything
        ("DefaultRegion", "AU", True),
        ("DefaultRegion", "", True),
        ("DefaultRegion", "au", False),
        ("ContactUrl", "", True),
        ("ContactUrl", "https://example.com/~ada?about=1", True),
        ("ContactUrl", "mailto:ada@example.com", True),
        ("ContactUrl", "ada@example.com", False),
        ("ContactUrl", "ftp://example.com", False),
        ("ContactUrl", "https://example.com/(a)", False),  # would end the comment of the User-Agent
        ("ContactUrl", "https://example.com/\r\nX: 1", False),
        ("DomainName", "", True),
        ("DomainName", "faces.example.com", True),
        ("DomainName", "https://faces.example.com", False),
        ("DomainName", "example", False),
        ("CertificateArn", "arn:aws:acm:us-east-1:123456789012:certificate/12ab-34", True),
        (
            "CertificateArn",
            "arn:aws:acm:eu-west-1:123456789012:certificate/12ab-34",
            False,
        ),  # CloudFront's rule
        ("ActiveWithinDays", "90", True),
        ("ActiveWithinDays", "90.5", False),
        ("ActiveWithinDays", "-1", False),
        ("RefetchMediaAfterDays", "0", True),
        ("RefetchMediaAfterDays", "1e2", False),
        ("ClaimLeaseSeconds", "90", True),
        ("ClaimLeaseSeconds", "90.5", False),
        ("ClaimLeaseSeconds", "1", False),
        ("MonthlyBudget", "5", True),
        ("MonthlyBudget", "5.50", False),
        ("MediaServerUrl", "", True),
        ("MediaServerUrl", "https://media.example.com:8443", True),
        ("MediaServerUrl", "http://media.example.com", False),
        ("AlarmEmail", "", True),
        ("AlarmEmail", "me@example.com", True),
        ("AlarmEmail", "me", False),
        ("AlarmEmail", "me@example.com, you@example.com", False),
        ("PublicBaseUrl", "", True),
        ("PublicBaseUrl", "https://d111.cloudfront.net", True),
        ("PublicBaseUrl", "https://d111.cloudfront.net/", False),  # would double the slash of every image
    ],
)
def test_an_address_is_checked_before_anything_is_made(
    template: Template, parameter: str, value: str, accepted: bool
) -> None:
    pattern = template["Parameters"][parameter]["AllowedPattern"]

    assert (re.search(pattern, value) is not None) == accepted


def test_a_number_that_only_functions_read_is_an_integer(template: Template) -> None:
    """CloudFormation's type Number accepts 90.5, and only resources that need an integer refuse it."""
    variables = template["Globals"]["Function"]["Environment"]["Variables"].values()
    numbers = {
        value["Ref"]
        for value in variables
        if isinstance(value, dict)
        and template["Parameters"].get(value.get("Ref"), {}).get("Type") == "Number"
    }

    assert {name for name in numbers if "AllowedValues" not in template["Parameters"][name]} == set()


@pytest.mark.parametrize(
    ("domain", "certificate", "accepted"),
    [
        ("", "", True),
        ("faces.example.com", "arn", True),
        ("faces.example.com", "", False),
        ("", "arn", False),
    ],
)
def test_domain_and_certificate_are_given_together(
    template: Template, domain: str, certificate: str, accepted: bool
) -> None:
    [assertion] = template["Rules"]["DomainAndCertificate"]["Assertions"]

    assert evaluate(assertion["Assert"], {"DomainName": domain, "CertificateArn": certificate}) is accepted


def evaluate(  # noqa: PLR0911 - a case for each function
    node: Any, parameters: dict[str, str], conditions: Template | None = None
) -> Any:
    """Returns the value of a condition, as CloudFormation would compute it."""
    match node:
        case {"Condition": name}:
            return evaluate((conditions or {})[name], parameters, conditions)
        case {"Ref": name}:
            return parameters[name]
        case {"Fn::Equals": [left, right]}:
            return evaluate(left, parameters, conditions) == evaluate(right, parameters, conditions)
        case {"Fn::Not": [condition]}:
            return not evaluate(condition, parameters, conditions)
        case {"Fn::And": nodes}:
            return all(evaluate(condition, parameters, conditions) for condition in nodes)
        case {"Fn::Or": nodes}:
            return any(evaluate(condition, parameters, conditions) for condition in nodes)
    return node


def test_no_schedule_runs_while_sync_state_is_disabled(template: Template, translated: Resources) -> None:
    """An import or a recovery must be complete before a sync queues pictures or a sweep deletes some."""
    schedules = {
        name: resource["Properties"]["State"]
        for name, resource in translated.items()
        if resource["Type"] == "AWS::Scheduler::Schedule"
    }
    assert len(schedules) == 3
    assert schedules == {
        "SyncFunctionEvery10Minutes": {"Fn::If": ["SyncsBySchedule", "ENABLED", "DISABLED"]},
        "ContactsFunctionEvery2Hours": {"Fn::If": ["ImportsFromDex", "ENABLED", "DISABLED"]},
        "CleanupFunctionNightly": {"Ref": "SyncState"},
    }
    dex = template["Conditions"]["ImportsFromDex"]
    assert evaluate(dex, {"DexApiKeyParameter": "/a/dex-api-key", "SyncState": "ENABLED"}) is True
    assert evaluate(dex, {"DexApiKeyParameter": "/a/dex-api-key", "SyncState": "DISABLED"}) is False
    assert evaluate(dex, {"DexApiKeyParameter": "", "SyncState": "ENABLED"}) is False


@pytest.mark.parametrize(
    ("source", "state", "syncs"),
    [
        ("tunnel", "ENABLED", True),
        ("tunnel", "DISABLED", False),
        ("agent", "ENABLED", False),
        ("agent", "DISABLED", False),
    ],
)
def test_only_with_a_tunnel_a_schedule_starts_syncs(
    template: Template, source: str, state: str, syncs: bool
) -> None:
    conditions = template["Conditions"]

    assert evaluate(conditions["HasAgent"], {"Source": source}) is (source == "agent")
    given = {"Source": source, "SyncState": state}
    assert evaluate(conditions["SyncsBySchedule"], given, conditions) is syncs


def test_a_budget_needs_a_limit_and_an_address_for_its_mail(template: Template, resources: Resources) -> None:
    budget = resources["Budget"]
    assert (budget["Type"], budget["Condition"]) == ("AWS::Budgets::Budget", "HasBudget")
    assert template["Conditions"]["HasBudget"] == {
        "Fn::And": [
            {"Condition": "HasAlarmEmail"},
            {"Fn::Not": [{"Fn::Equals": [{"Ref": "MonthlyBudget"}, "0"]}]},
        ]
    }
    properties = budget["Properties"]
    assert properties["Budget"]["BudgetLimit"] == {"Amount": {"Ref": "MonthlyBudget"}, "Unit": "USD"}
    notifications = properties["NotificationsWithSubscribers"]
    reasons = [notified["Notification"] for notified in notifications]
    assert [(reason["NotificationType"], reason["Threshold"]) for reason in reasons] == [
        ("ACTUAL", 80),
        ("FORECASTED", 100),
    ]
    for reason in reasons:
        assert reason["ComparisonOperator"] == "GREATER_THAN"
        assert reason.get("ThresholdType", "PERCENTAGE") == "PERCENTAGE"
    for notified in notifications:
        assert notified["Subscribers"] == [{"SubscriptionType": "EMAIL", "Address": {"Ref": "AlarmEmail"}}]


def test_names_are_left_to_cloudformation_so_that_two_stacks_fit_into_one_account(
    translated: Resources,
) -> None:
    """Layers may share a name: each stack keeps its own versions. SAM would name schedules, if let."""
    naming = {
        "AlarmName",
        "ApiName",
        "BucketName",
        "FunctionName",
        "LogGroupName",
        "Name",
        "QueueName",
        "RoleName",
        "TableName",
        "TopicName",
    }
    named = {
        (name, given)
        for name, resource in translated.items()
        for given in naming & set(resource.get("Properties", {}))
        # An event source, a permission: this is whose it is, not what it is called.
        if given != "FunctionName" or resource["Type"] == "AWS::Lambda::Function"
        # This one is found by its name, which begins with the stack's.
        if resource["Properties"][given] != {"Fn::Sub": "/${AWS::StackName}/distribution-id"}
    }

    assert named == set()


@pytest.mark.parametrize(
    ("resource", "config"),
    [
        ("OriginAccess", "OriginAccessControlConfig"),
        ("ImageHeaders", "ResponseHeadersPolicyConfig"),
        ("PageHeaders", "ResponseHeadersPolicyConfig"),
        ("HealthCaching", "CachePolicyConfig"),
    ],
)
def test_a_name_that_must_be_given_differs_by_stack_and_region(
    resources: Resources, resource: str, config: str
) -> None:
    name = resources[resource]["Properties"][config]["Name"]["Fn::Sub"]

    assert name.startswith("${AWS::StackName}-${AWS::Region}")


def test_whoever_deployed_is_told_where_everything_is(template: Template) -> None:
    assert set(template["Outputs"]) >= {
        "Address",
        "AgentPolicyArn",
        "ApiId",
        "ImageBucket",
        "ImagesQueueUrl",
        "SyncFunction",
        "WebBucket",
    }


def test_a_deployment_by_sam_itself_asks_first() -> None:
    """`make deploy` overrides it, and asks by itself."""
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())

    assert settings["default"]["deploy"]["parameters"]["confirm_changeset"] is True
    assert settings["default"]["global"]["parameters"]["stack_name"] == "imagecache"


def test_validating_the_template_lints_it() -> None:
    """`make template` passes no option of its own."""
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())

    assert settings["default"]["validate"]["parameters"]["lint"] is True


def test_whatever_samconfig_overrides_is_a_parameter(template: Template) -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())
    environments = [value for value in settings.values() if isinstance(value, dict)]
    overrides = " ".join(
        environment["deploy"]["parameters"].get("parameter_overrides", "") for environment in environments
    )

    assert {pair.split("=")[0] for pair in overrides.split()} <= set(template["Parameters"])
