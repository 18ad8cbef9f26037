"""The metrics that functions write into their logs, from which CloudWatch reads them."""

from collections.abc import Mapping

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "imagecache"

SYNC_SUCCEEDED = "SyncSucceeded"
SWEEP_REFUSED = "SweepRefused"
IMAGES_CACHED = "ImagesCached"
IMAGES_DEDUPLICATED = "ImagesDeduplicated"
IMAGES_DEFERRED = "ImagesDeferred"
IMAGES_FAILED = "ImagesFailed"


def put_counts(counts: Mapping[str, int], *, service: str) -> None:
    """Prints one line with these counts, by the names above; prints nothing if there are none.

    `service` is the name of the stack. It is the only dimension, because each combination of dimensions is a
    metric of its own with its own price.
    """
    if not counts:
        return
    # The other class of Powertools, Metrics, keeps its counts in the process, for all of its instances.
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=service)
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    metrics.flush_metrics()
