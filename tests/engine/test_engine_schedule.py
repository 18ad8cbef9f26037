"""Schedules (`ScheduleV2`, EventBridge Scheduler) call their functions."""

import boto3

from local.deploy import DeployedStack
from tests.engine.conftest import wait_for


def test_a_schedule_that_is_due_calls_its_function(small: DeployedStack) -> None:
    """The engine looks for due schedules every 10 seconds."""
    wait_for({"tick"}, small)


def test_rates_and_crons_are_registered_and_enabled(small: DeployedStack) -> None:
    """The test does not wait for a call: a rate's first one is due after a whole period."""
    scheduler = boto3.client("scheduler", **small.engine.access)
    schedules = [
        scheduler.get_schedule(Name=entry["Name"]) for entry in scheduler.list_schedules()["Schedules"]
    ]
    assert {(schedule["ScheduleExpression"], schedule["State"]) for schedule in schedules} == {
        ("at(2020-01-01T00:00:00)", "ENABLED"),
        ("rate(10 minutes)", "ENABLED"),
        ("cron(30 3 * * ? *)", "ENABLED"),
    }
