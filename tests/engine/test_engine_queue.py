"""The SQS event source delivers messages, and delivers again those of a failed or killed worker."""

import boto3

from local.deploy import DeployedStack
from local.stack import pause_queue, resume_queue
from tests.engine.conftest import rows, wait_for

VISIBILITY_MS = 6_000  # as in small/template.yaml


def send(stack: DeployedStack, *bodies: str) -> None:
    """Sends all bodies as one batch. Without the delay the poller could find the first one alone."""
    sqs = boto3.client("sqs", **stack.engine.access)
    sqs.send_message_batch(
        QueueUrl=stack.outputs["WorkQueue"],
        Entries=[
            {"Id": str(number), "MessageBody": body, "DelaySeconds": 1} for number, body in enumerate(bodies)
        ],
    )


def test_messages_reach_the_function(small: DeployedStack) -> None:
    send(small, "plain a", "plain b")
    wait_for({"plain a 1", "plain b 1"}, small)


def test_only_a_refused_message_is_delivered_again_and_after_the_visibility_timeout(
    small: DeployedStack,
) -> None:
    send(small, "refuse a", "accepted a")
    wait_for({"refuse a 1", "accepted a 1", "refuse a 2"}, small)
    assert int(rows(small)["refuse a 2"]["millisecondsSinceFirstReceipt"]["N"]) >= VISIBILITY_MS
    assert "accepted a 2" not in rows(small)


def test_the_batch_of_a_killed_worker_is_delivered_again(small: DeployedStack) -> None:
    send(small, "before b", "die b")
    wait_for({"before b 2", "die b 2"}, small)


def test_a_paused_queue_delivers_its_messages_when_it_is_resumed(small: DeployedStack) -> None:
    pause_queue(small)
    send(small, "paused c")
    sqs = boto3.client("sqs", **small.engine.access)
    [message] = sqs.receive_message(
        QueueUrl=small.outputs["WorkQueue"], WaitTimeSeconds=20, VisibilityTimeout=0
    )["Messages"]
    assert message["Body"] == "paused c"
    resume_queue(small)
    wait_for({"paused c 2"}, small)
