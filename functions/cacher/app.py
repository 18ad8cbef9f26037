"""SQS batch of image URLs → S3 and cachedImages, at most one download per image."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config
from imagecache.sources.transport import punctual_session
from imagecache.usecases.caching.cache_batch import cache_batch, metrics
from imagecache.usecases.caching.fetch_image import SECRET_NAMES
from imagecache.wiring import Wiring

config = Config.from_env(os.environ)
logger = Logger()
wiring = Wiring(config, make_client=boto3.client, clock=now)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    # Read for each invocation: tokens get rotated.
    secrets = wiring.secrets.read(*SECRET_NAMES)
    with punctual_session() as session:
        fetcher = wiring.image_fetcher(wiring.image_sources(secrets, session))
        deliveries = cache_batch(
            event["Records"],
            cacher=wiring.image_cacher(fetcher),
            at_once=config.fetches_per_invocation,
            time_left=context.get_remaining_time_in_millis,
        )
    for delivery in deliveries:
        logger.info("image", extra=delivery.for_log(), exc_info=delivery.bug)
    if counted := metrics(deliveries, service=config.service, now=now()):
        print(counted)  # noqa: T201 - CloudWatch reads metrics from the log, unwrapped
    return {"batchItemFailures": [{"itemIdentifier": one.message_id} for one in deliveries if one.error]}
