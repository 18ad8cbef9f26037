"""Stores a row for each delivery of a message. The first time, `refuse` fails and `die` kills its worker."""

import os
import signal
import time
from typing import Any

import boto3

dynamodb = boto3.client("dynamodb")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    failures = []
    for record in event["Records"]:
        body = record["body"]
        times = record["attributes"]["ApproximateReceiveCount"]
        first_receipt = int(record["attributes"]["ApproximateFirstReceiveTimestamp"])
        row = {
            "name": {"S": f"{body} {times}"},
            "millisecondsSinceFirstReceipt": {"N": str(round(time.time() * 1000) - first_receipt)},
        }
        dynamodb.put_item(TableName=os.environ["SEEN_TABLE"], Item=row)
        if times == "1" and body.startswith("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        if times == "1" and body.startswith("refuse"):
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
