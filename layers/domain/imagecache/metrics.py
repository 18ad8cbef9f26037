"""Writes counts to the log in CloudWatch's embedded metric format (EMF), from where CloudWatch takes them."""

import json
from collections.abc import Mapping

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

# The metrics that alarms of template.yaml watch.
SYNC_SUCCEEDED = "SyncSucceeded"
SWEEP_REFUSED = "SweepRefused"

_NAMESPACE = "imagecache"


def put_counts(counts: Mapping[str, int], *, service: str) -> None:
    """Prints one line with these counts, or nothing if there are none.

    `service` is the name of the stack, which tells the stacks of an account apart. It is the only dimension,
    because CloudWatch bills every combination of dimensions as a metric of its own ($0.30 a month).
    """
    if not counts:
        return
    metrics = EphemeralMetrics(namespace=_NAMESPACE, service=service)
    for name, count in counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
    metrics.flush_metrics()


def emf(counts: Mapping[str, int], *, service: str, now: int) -> str:
    """One line, empty when nothing was counted. `service` tells the stacks of an account apart.

    No other dimension: each combination is a metric, and costs $0.30 for a month of use, by the hour.
    """
    if not counts:
        return ""
    definition = {
        "Namespace": "imagecache",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in counts],
    }
    about = {"_aws": {"Timestamp": now, "CloudWatchMetrics": [definition]}, "service": service}
    return json.dumps(about | dict(counts))
