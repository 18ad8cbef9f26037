"""The functions: where they run, what wakes them, how much they may do."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from imagecache.config import Config, DexSettings, JobFunctions
from imagecache.metrics import NAMESPACE
from imagecache.sources.beeper.auth import BEEPER_SECRETS
from imagecache.sources.beeper.images import IMAGE_SECRETS
from tests.settings import template_settings
from tests.template.conftest import Resources
from tests.template.translated import Template, dependencies

FUNCTIONS = {
    "SyncFunction",
    "CacherFunction",
    "ReadFunction",
    "AdminFunction",
    "JobsFunction",
    "ContactsFunction",
    "CleanupFunction",
}


def functions(translated: Resources) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in translated.items()
        if resource["Type"] == "AWS::Lambda::Function"
    }


def statements(translated: Resources, function: str, effect: str = "Allow") -> list[dict[str, Any]]:
    """Returns what the role of a function allows or denies, AWS's own managed policies apart."""
    policies = translated[f"{function}Role"]["Properties"].get("Policies", [])
    every = [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]
    return [statement for statement in every if statement["Effect"] == effect]


def actions(translated: Resources, function: str) -> set[str]:
    return {
        action for statement in statements(translated, function) for action in listed(statement["Action"])
    }


def listed(one_or_many: Any) -> list[Any]:
    return one_or_many if isinstance(one_or_many, list) else [one_or_many]


def test_the_stack_has_its_functions(translated: Resources) -> None:
    assert set(functions(translated)) == FUNCTIONS


def test_every_function_runs_on_python_3_13_and_arm(translated: Resources) -> None:
    for name, function in functions(translated).items():
        assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"]), name
        assert function["Handler"] == "app.handler", name


def test_pillow_is_loaded_where_pictures_are_made_and_nowhere_else(translated: Resources) -> None:
    layers = {
        name: {layer["Ref"].rstrip("0123456789abcdef") for layer in function["Layers"]}
        for name, function in functions(translated).items()
    }

    for name in ("CacherFunction", "CleanupFunction"):
        assert layers.pop(name) == {"DependenciesLayer", "DomainLayer", "ImagingLayer"}
    assert all(used == {"DependenciesLayer", "DomainLayer"} for used in layers.values())


def test_every_log_is_kept_for_a_while_and_not_for_ever(translated: Resources) -> None:
    for name, function in functions(translated).items():
        log_group = translated[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert log_group["Type"] == "AWS::Logs::LogGroup", name
        assert log_group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name


@pytest.mark.parametrize("name", ["CacherFunction", "SyncFunction", "JobsFunction", "CleanupFunction"])
def test_a_function_that_feeds_itself_is_not_taken_for_a_loop(translated: Resources, name: str) -> None:
    assert translated[name]["Properties"]["RecursiveLoop"] == "Allow"


def test_no_function_has_reserved_concurrency(translated: Resources) -> None:
    """A new account has 10 in all, of which none may be reserved."""
    reserved = [
        n for n, function in functions(translated).items() if "ReservedConcurrentExecutions" in function
    ]

    assert reserved == []


@pytest.mark.parametrize(
    ("schedule", "parameter", "default"),
    [
        ("SyncFunctionEvery10Minutes", "SyncSchedule", "rate(10 minutes)"),
        ("CleanupFunctionNightly", "CleanupSchedule", "cron(30 3 * * ? *)"),
    ],
)
def test_chats_are_read_every_ten_minutes_and_swept_at_night(
    translated: Resources, defaults: dict[str, str], schedule: str, parameter: str, default: str
) -> None:
    assert translated[schedule]["Properties"]["ScheduleExpression"] == {"Ref": parameter}
    assert defaults[parameter] == default


def test_layers_are_built_for_the_architecture_that_they_declare(resources: Resources) -> None:
    """`sam build` assumes x86_64 and warns where nothing else is said."""
    layers = [entry for entry in resources.values() if entry["Type"] == "AWS::Serverless::LayerVersion"]

    assert len(layers) == 3
    for layer in layers:
        architecture = layer["Metadata"].get("BuildArchitecture", "x86_64")
        assert layer["Properties"]["CompatibleArchitectures"] == [architecture]


def test_dex_is_asked_every_two_hours_and_only_where_there_is_a_key(
    template: Template, translated: Resources, defaults: dict[str, str]
) -> None:
    schedule = translated["ContactsFunctionEvery2Hours"]["Properties"]

    assert schedule["ScheduleExpression"] == "rate(2 hours)"
    assert schedule["State"] == {"Fn::If": ["ImportsFromDex", "ENABLED", "DISABLED"]}
    given = {"Fn::Equals": [{"Ref": "DexApiKeyParameter"}, ""]}
    enabled = {"Fn::Equals": [{"Ref": "SyncState"}, "ENABLED"]}
    assert template["Conditions"]["ImportsFromDex"] == {"Fn::And": [{"Fn::Not": [given]}, enabled]}
    assert defaults["DexApiKeyParameter"] == ""


@pytest.mark.parametrize(
    ("function", "schedule"),
    [
        ("SyncFunction", "SyncFunctionEvery10Minutes"),
        ("ContactsFunction", "ContactsFunctionEvery2Hours"),
        ("CleanupFunction", "CleanupFunctionNightly"),
    ],
)
def test_a_failed_run_is_not_repeated_the_next_one_heals_it(
    translated: Resources, function: str, schedule: str
) -> None:
    invoke = translated[f"{function}EventInvokeConfig"]["Properties"]

    assert invoke["MaximumRetryAttempts"] == 0
    assert translated[schedule]["Properties"]["Target"]["RetryPolicy"] == {"MaximumRetryAttempts": 0}


def test_every_right_is_to_named_actions_on_something_of_this_stack(
    template: Template, translated: Resources
) -> None:
    own_secrets = (
        "/read-token",
        "/admin-token",
        "/beeper-token",
        "/media-server-token",
        "/cf-access-client-id",
        "/cf-access-client-secret",
        "/distribution-id",
        ":parameter${DexApiKeyParameter}",
    )
    for function in functions(translated):
        for statement in statements(translated, function):
            for action in listed(statement["Action"]):
                assert re.fullmatch(r"[a-z0-9]+:[A-Z][A-Za-z]+", action), (function, action)
            for resource in listed(statement["Resource"]):
                named = dependencies({"Resources": template["Resources"] | {"?": resource}})["?"]
                assert named or resource["Fn::Sub"].endswith(own_secrets), (function, resource)


def test_only_the_policy_that_sam_adds_for_an_event_source_is_limited(translated: Resources) -> None:
    """It allows reading and deleting the messages of every queue of the account."""
    added = {
        name: [
            arn for arn in translated[f"{name}Role"]["Properties"]["ManagedPolicyArns"] if "SQS" in str(arn)
        ]
        for name in FUNCTIONS
    }
    assert [name for name, arns in added.items() if arns] == ["CacherFunction"]
    denied = {name: statements(translated, name, "Deny") for name in FUNCTIONS}
    own_queue = {"Fn::GetAtt": ["ImagesQueue", "Arn"]}
    assert {name: found for name, found in denied.items() if found} == {
        "CacherFunction": [{"Effect": "Deny", "Action": "sqs:*", "NotResource": own_queue}]
    }


def readable_secrets(translated: Resources, function: str) -> set[str]:
    """Returns the names below the stack's path that a function may read; `*` if it may read all.

    The key of Dex's API has a name that is a parameter of the template.
    """
    return {
        resource["Fn::Sub"].partition(":parameter")[2].removeprefix("/${AWS::StackName}/")
        for statement in statements(translated, function)
        if any(action.startswith("ssm:") for action in listed(statement["Action"]))
        for resource in listed(statement["Resource"])
    }


def test_each_function_may_read_its_own_secrets_and_no_others(translated: Resources) -> None:
    """The cacher decodes hostile pictures: it must never be able to read the API's tokens."""
    readable = {name: readable_secrets(translated, name) for name in FUNCTIONS}

    assert {name: secrets for name, secrets in readable.items() if secrets} == {
        "SyncFunction": set(BEEPER_SECRETS),
        "CacherFunction": set(IMAGE_SECRETS),
        "ReadFunction": {"read-token", "admin-token"},
        "AdminFunction": {"read-token", "admin-token", "distribution-id"},
        "ContactsFunction": {"${DexApiKeyParameter}"},
    }


def test_the_api_of_readers_can_change_nothing(translated: Resources) -> None:
    assert actions(translated, "ReadFunction") == {
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "ssm:GetParameters",
    }


def test_beyond_its_tables_each_function_may_do_just_what_its_work_needs(translated: Resources) -> None:
    beyond = {
        name: {action for action in actions(translated, name) if not action.startswith("dynamodb:")}
        for name in FUNCTIONS
    }

    assert beyond == {
        "SyncFunction": {"sqs:SendMessage", "ssm:GetParameters"},
        "CacherFunction": {
            "s3:PutObject",
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:SendMessage",
            "ssm:GetParameters",
        },
        "ReadFunction": {"ssm:GetParameters"},
        "AdminFunction": {
            "lambda:InvokeFunction",
            "s3:DeleteObject",
            "s3:DeleteObjectVersion",
            "s3:ListBucketVersions",
            "sqs:SendMessage",
            "ssm:GetParameter",
            "ssm:GetParameters",
        },
        "JobsFunction": {
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        },
        "ContactsFunction": {"lambda:InvokeFunction", "ssm:GetParameters"},
        "CleanupFunction": {
            "s3:DeleteObjectVersion",
            "s3:GetObject",
            "s3:ListBucketVersions",
            "s3:PutObject",
            "sqs:SendMessage",
        },
    }


def agent_statements(translated: Resources) -> list[dict[str, Any]]:
    """Returns what the policy of the agent allows."""
    document = translated["AgentPolicy"]["Properties"]["PolicyDocument"]
    assert {statement["Effect"] for statement in document["Statement"]} == {"Allow"}
    return list(document["Statement"])


def rights_to_tables(found: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Returns each action on a table or its indexes, with the table."""
    return {
        (action, str(statement["Resource"]))
        for statement in found
        for action in listed(statement["Action"])
        if action.startswith("dynamodb:")
    }


def test_an_agent_may_do_on_tables_what_sync_and_the_cacher_do(translated: Resources) -> None:
    functions_may = rights_to_tables(
        [*statements(translated, "SyncFunction"), *statements(translated, "CacherFunction")]
    )

    assert rights_to_tables(agent_statements(translated)) == functions_may


def test_an_agent_may_read_no_secret_invoke_nothing_and_delete_no_picture(translated: Resources) -> None:
    beyond = {
        action
        for statement in agent_statements(translated)
        for action in listed(statement["Action"])
        if not action.startswith("dynamodb:")
    }

    assert beyond == {
        "cloudformation:ListStackResources",
        "cloudwatch:PutMetricData",
        "lambda:GetFunctionConfiguration",
        "s3:PutObject",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    }


def test_an_agent_has_rights_to_things_of_this_stack_and_to_its_metrics_only(
    template: Template, translated: Resources
) -> None:
    for statement in agent_statements(translated):
        for resource in listed(statement["Resource"]):
            if statement["Action"] == "cloudwatch:PutMetricData":
                assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": NAMESPACE}}
                continue
            named = dependencies({"Resources": template["Resources"] | {"?": resource}})["?"]
            assert named or resource["Fn::Sub"].endswith(":stack/${AWS::StackName}/*"), resource


def test_nobody_has_the_policy_of_the_agent_by_the_template_alone(translated: Resources) -> None:
    assert set(translated["AgentPolicy"]["Properties"]) == {"PolicyDocument"}
    assert "AgentPolicy" not in {
        needed
        for name, needs in dependencies({"Resources": translated}).items()
        for needed in needs
        if name != "AgentPolicy"
    }


class Recorded(dict[str, str]):
    """An environment that knows what was asked of it."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables)
        self.asked: set[str] = set()

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return super().__contains__(name)

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("a setting is asked for by its name")


def test_every_function_is_given_the_settings_that_the_code_reads_and_no_others(
    template: Template,
) -> None:
    settings = template_settings(template)
    environment = Recorded(settings)

    Config.from_env(environment)

    assert environment.asked == settings.keys()


OWN: dict[str, Callable[[Mapping[str, str]], object]] = {
    "AdminFunction": JobFunctions.from_env,
    "ContactsFunction": DexSettings.from_env,
}


@pytest.mark.parametrize("function", OWN)
def test_a_function_with_settings_of_its_own_reads_all_of_them(template: Template, function: str) -> None:
    environment = Recorded(template_settings(template, function))

    OWN[function](environment)

    assert environment.asked == environment.keys() - template_settings(template).keys()


def test_no_other_function_has_settings_of_its_own(template: Template) -> None:
    own = {
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function" and "Environment" in resource["Properties"]
    }
    assert own == OWN.keys()
