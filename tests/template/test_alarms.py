"""The alarms: what they look at, whom they tell, and that a person who is told finds what to do."""

import re
from pathlib import Path
from typing import Any

import pytest

from imagecache.metrics import SWEEP_REFUSED, SYNC_SUCCEEDED
from tests.template.conftest import Resources
from tests.template.translated import Template

HOUR = 3600
IN_THE_API = {"ReadFunction", "AdminFunction"}
RUNBOOK = (Path(__file__).parent.parent.parent / "docs" / "runbook.md").read_text()
Properties = dict[str, Any]


@pytest.fixture
def alarms(translated: Resources) -> dict[str, Properties]:
    return {
        name: resource["Properties"]
        for name, resource in translated.items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def dimension(alarm: Properties) -> tuple[str, Any]:
    [only] = alarm["Dimensions"]
    return only["Name"], only["Value"]


def test_there_are_no_more_alarms_than_are_free(alarms: dict[str, Properties]) -> None:
    assert len(alarms) <= 10


def breach(alarm: Properties) -> str:
    sign = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}[alarm["ComparisonOperator"]]
    return f"{alarm['Statistic']} {sign} {alarm['Threshold']}"


STACK = ("service", {"Ref": "AWS::StackName"})
QUEUE, DEAD_LETTERS = (
    ("QueueName", {"Fn::GetAtt": [name, "QueueName"]}) for name in ("ImagesQueue", "ImagesDeadLetterQueue")
)


@pytest.mark.parametrize(
    ("name", "metric", "of", "when"),
    [
        ("DeadLettersAlarm", "AWS/SQS ApproximateNumberOfMessagesVisible", DEAD_LETTERS, "Maximum > 0"),
        (
            "ImagesWaitAlarm",
            "AWS/SQS ApproximateAgeOfOldestMessage",
            QUEUE,
            # With an agent a message waits while its computer sleeps.
            f"Maximum > { ({'Fn::If': ['HasAgent', 24 * HOUR, HOUR]}) }",
        ),
        ("ApiErrorsAlarm", "AWS/ApiGateway 5xx", ("ApiId", {"Ref": "HttpApi"}), "Sum > 0"),
        ("NoSyncAlarm", f"imagecache {SYNC_SUCCEEDED}", STACK, "Sum < 1"),
        ("SweepRefusedAlarm", f"imagecache {SWEEP_REFUSED}", STACK, "Sum > 0"),
    ],
)
def test_an_alarm_looks_at_what_it_is_named_for(
    alarms: dict[str, Properties], name: str, metric: str, of: tuple[str, Any], when: str
) -> None:
    alarm = alarms[name]

    assert (f"{alarm['Namespace']} {alarm['MetricName']}", dimension(alarm)) == (metric, of)
    assert breach(alarm) == when


def test_every_function_has_an_alarm_of_its_own_or_answers_through_the_api(
    resources: Resources, alarms: dict[str, Properties]
) -> None:
    """What the functions of the API raise, they answer as 500: Lambda would count no error."""
    watched = {
        dimension(alarm)[1]["Ref"]
        for alarm in alarms.values()
        if (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
        and breach(alarm) == "Sum > 0"
        and dimension(alarm)[0] == "FunctionName"
    }
    functions = {name for name, one in resources.items() if one["Type"] == "AWS::Serverless::Function"}

    assert watched == functions - IN_THE_API


def test_what_is_not_watched_by_itself_really_answers_through_the_api(resources: Resources) -> None:
    answering = {
        name
        for name, resource in resources.items()
        if any(
            event["Type"] == "HttpApi" for event in resource.get("Properties", {}).get("Events", {}).values()
        )
    }

    assert answering == IN_THE_API


def test_a_laptop_may_sleep_for_a_day_and_then_silence_is_an_alarm(alarms: dict[str, Properties]) -> None:
    alarm = alarms["NoSyncAlarm"]

    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (HOUR, 24)
    assert "DatapointsToAlarm" not in alarm  # all of them: one success within the day is enough
    assert alarm["TreatMissingData"] == "breaching"


def test_no_other_alarm_takes_silence_for_trouble(alarms: dict[str, Properties]) -> None:
    rest = {name: alarm["TreatMissingData"] for name, alarm in alarms.items() if name != "NoSyncAlarm"}

    assert set(rest.values()) == {"notBreaching"}


def test_a_sweep_that_refused_is_an_alarm_until_the_next_night(alarms: dict[str, Properties]) -> None:
    alarm = alarms["SweepRefusedAlarm"]

    assert alarm["Period"] * alarm["EvaluationPeriods"] > 24 * HOUR
    assert alarm["DatapointsToAlarm"] == 1


def test_two_stacks_of_an_account_do_not_count_for_each_other(template: Template) -> None:
    environment = template["Globals"]["Function"]["Environment"]["Variables"]

    assert environment["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}


def test_alarms_look_at_counts_of_ours_that_the_code_knows(alarms: dict[str, Properties]) -> None:
    ours = {alarm["MetricName"] for alarm in alarms.values() if alarm["Namespace"] == "imagecache"}

    assert ours == {SYNC_SUCCEEDED, SWEEP_REFUSED}


def test_every_alarm_tells_the_address_and_those_that_end_with_the_trouble_tell_that_too(
    alarms: dict[str, Properties],
) -> None:
    told = {"Fn::If": ["HasAlarmEmail", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]}

    assert {name for name, alarm in alarms.items() if alarm["AlarmActions"] != told} == set()
    assert {name for name, alarm in alarms.items() if alarm.get("OKActions") == told} == {
        "DeadLettersAlarm",
        "ImagesWaitAlarm",
        "NoSyncAlarm",
    }


def test_without_an_address_there_is_nobody_to_tell(template: Template, defaults: dict[str, str]) -> None:
    resources = template["Resources"]
    subscription = {
        "TopicArn": {"Ref": "AlarmTopic"},
        "Protocol": "email",
        "Endpoint": {"Ref": "AlarmEmail"},
    }

    assert defaults["AlarmEmail"] == ""
    given = {"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}
    assert template["Conditions"]["HasAlarmEmail"] == {"Fn::Not": [given]}
    assert {resources[name]["Condition"] for name in ("AlarmTopic", "AlarmSubscription")} == {"HasAlarmEmail"}
    assert resources["AlarmSubscription"]["Properties"] == subscription


def test_the_topic_has_no_key_that_cloudwatch_may_not_use(resources: Resources) -> None:
    assert "KmsMasterKeyId" not in resources["AlarmTopic"].get("Properties", {})


def headings(text: str) -> list[str]:
    """As a link names them: `## The API failed` is `the-api-failed`."""
    return [
        re.sub("[^a-z0-9-]", "", line[3:].lower().replace(" ", "-"))
        for line in text.splitlines()
        if line.startswith("## ")
    ]


def test_every_alarm_names_its_chapter_of_the_runbook(alarms: dict[str, Properties]) -> None:
    named = {
        name: alarm["AlarmDescription"].partition("docs/runbook.md#")[2] for name, alarm in alarms.items()
    }

    assert {name for name, anchor in named.items() if anchor not in headings(RUNBOOK)} == set()


def test_every_chapter_of_the_runbook_for_an_alarm_has_that_alarm(alarms: dict[str, Properties]) -> None:
    about_alarms = RUNBOOK.partition("\n# Alarms\n")[2].partition("\n# ")[0]
    named = {alarm["AlarmDescription"].partition("docs/runbook.md#")[2] for alarm in alarms.values()}

    assert set(headings(about_alarms)) == named
