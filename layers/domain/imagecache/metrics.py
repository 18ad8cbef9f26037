"""The metrics of the functions, which write them to their logs. CloudWatch reads them there."""

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
    """Prints one line with these counts, from which CloudWatch makes metrics. Prints nothing without counts.

    The keys of `counts` are metric names such as IMAGES_CACHED. `service` is the name of the stack. It is the
    only dimension, because each combination of dimensions is a separate metric with a separate price.
    """
    if not counts:
        return
    # EphemeralMetrics, because all instances of the class Metrics share one set of counts.
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=service)
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    metrics.flush_metrics()
