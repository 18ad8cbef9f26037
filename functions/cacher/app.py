"""Handles a batch of SQS messages: downloads each image once, and stores it in S3 and in cachedImages."""

from imagecache import cold_start  # isort: split

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from imagecache.aws_requests import function_clients
from imagecache.clock import now
from imagecache.config import Config
from imagecache.failure_log import failure_fields, failures_logged
from imagecache.imaging.memory_limit import limit_memory
from imagecache.metrics import put_counts
from imagecache.sources.beeper.images import IMAGE_SECRETS
from imagecache.sources.transport import KeptConnections
from imagecache.usecases.caching.cache_batch import count_results
from imagecache.wiring import Wiring

limit_memory()
config = Config.from_env(os.environ)
logger = Logger()
wiring = Wiring(config, make_client=function_clients(os.environ, clock=now), clock=now)
connections = KeptConnections()


@logger.inject_lambda_context
@failures_logged(logger, "the batch failed")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    # The secrets are read in each invocation, because a replaced token must work at once.
    secrets = wiring.secrets.read(*IMAGE_SECRETS)
    with connections.session(clock=now) as session:
        batch_cacher = wiring.batch_cacher(secrets, session)
        deliveries = batch_cacher.cache(event["Records"], remaining_ms=context.get_remaining_time_in_millis)
    for delivery in deliveries:
        if delivery.unexpected_error:
            logger.error("image", extra=delivery.for_log() | failure_fields(delivery.unexpected_error))
        else:
            logger.info("image", extra=delivery.for_log())
    put_counts(count_results(deliveries), service=config.service)
    return {
        "batchItemFailures": [
            {"itemIdentifier": delivery.message_id} for delivery in deliveries if delivery.error
        ]
    }


cold_start.finish()
