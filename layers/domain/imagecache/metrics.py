"""Counts → a line of CloudWatch's embedded metric format, which it reads from the log."""

import json
from collections.abc import Mapping

# What alarms of template.yaml look at.
SYNC_SUCCEEDED = "SyncSucceeded"
SWEEP_REFUSED = "SweepRefused"


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
