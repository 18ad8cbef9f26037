"""The queue of images: function timeout < lease < visibility timeout, and nothing lost on the way."""

import pytest

from imagecache.stores.state.jobs import _KEPT_FOR
from tests.template.conftest import Resources
from tests.template.translated import Template

FOURTEEN_DAYS = 14 * 24 * 60 * 60


def test_by_default_a_worker_ends_before_its_lease_and_the_lease_before_redelivery(
    resources: Resources, defaults: dict[str, str]
) -> None:
    timeout = int(defaults["CacherTimeoutSeconds"])
    lease = int(defaults["ClaimLeaseSeconds"])
    visibility = int(defaults["VisibilityTimeoutSeconds"])

    assert timeout < lease < visibility
    assert visibility >= 6 * timeout  # AWS's advice for event sources
    assert resources["CacherFunction"]["Properties"]["Timeout"] == {"Ref": "CacherTimeoutSeconds"}
    assert resources["ImagesQueue"]["Properties"]["VisibilityTimeout"] == {"Ref": "VisibilityTimeoutSeconds"}


def test_a_message_is_tried_five_times_and_then_kept_aside(resources: Resources) -> None:
    assert resources["ImagesQueue"]["Properties"]["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["ImagesDeadLetterQueue", "Arn"]},
        "maxReceiveCount": 5,
    }


@pytest.mark.parametrize("queue", ["ImagesQueue", "ImagesDeadLetterQueue"])
def test_a_message_waits_for_two_weeks(resources: Resources, queue: str) -> None:
    assert resources[queue]["Properties"]["MessageRetentionPeriod"] == FOURTEEN_DAYS


def test_a_sync_request_waits_as_long_as_the_row_of_its_job_is_kept(resources: Resources) -> None:
    properties = resources["SyncRequestsQueue"]["Properties"]

    assert properties["MessageRetentionPeriod"] == _KEPT_FOR // 1000
    assert "RedrivePolicy" not in properties  # a job that cannot be done says so in its row


@pytest.mark.parametrize("queue", ["ImagesQueue", "ImagesDeadLetterQueue", "SyncRequestsQueue"])
def test_messages_are_encrypted_at_rest(resources: Resources, queue: str) -> None:
    assert resources[queue]["Properties"]["SqsManagedSseEnabled"] is True


def test_only_the_failed_messages_of_a_batch_come_back(translated: Resources) -> None:
    mapping = translated["CacherFunctionImages"]["Properties"]

    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["ImagesQueue", "Arn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == 10


def test_with_an_agent_no_function_takes_images_from_the_queue(translated: Resources) -> None:
    assert translated["CacherFunctionImages"]["Properties"]["Enabled"] == {
        "Fn::If": ["HasAgent", False, True]
    }


def test_by_default_ten_images_are_fetched_at_once(
    template: Template, translated: Resources, defaults: dict[str, str]
) -> None:
    scaling = translated["CacherFunctionImages"]["Properties"]["ScalingConfig"]

    assert scaling == {"MaximumConcurrency": {"Ref": "CacherConcurrency"}}
    assert (defaults["CacherConcurrency"], defaults["FetchesPerInvocation"]) == ("2", "5")
    # AWS refuses a maximum of 1 for an event source.
    assert template["Parameters"]["CacherConcurrency"]["MinValue"] == 2
