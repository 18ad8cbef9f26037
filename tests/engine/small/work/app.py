"""SQS batch → one row for each time a message came; `refuse` and `die` do so the first time."""

import os
import signal
from typing import Any

import boto3

dynamodb = boto3.client("dynamodb")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    failures = []
    for record in event["Records"]:
        body, times = record["body"], record["attributes"]["ApproximateReceiveCount"]
        dynamodb.put_item(TableName=os.environ["SEEN_TABLE"], Item={"name": {"S": f"{body} {times}"}})
        if times == "1" and body.startswith("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        if times == "1" and body.startswith("refuse"):
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
