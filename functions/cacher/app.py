"""SQS batch of image URLs → S3 and cachedImages, at most one download per image."""

import os
from functools import cache, partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config
from imagecache.queues.images import ImagesQueue
from imagecache.sources.transport import punctual_session
from imagecache.stores.blobs import Blobs
from imagecache.stores.images.claims import ImageClaims
from imagecache.stores.state.circuits import OriginCircuits
from imagecache.stores.state.sync_state import SyncState
from imagecache.usecases.caching.cache_batch import cache_batch, metrics
from imagecache.usecases.caching.cache_image import ImageCacher
from imagecache.usecases.caching.fetch_image import image_fetcher

config, logger, dynamodb = Config.from_env(os.environ), Logger(), boto3.client("dynamodb")
origins = OriginCircuits(table_name=config.sync_state_table, dynamodb=dynamodb)
fetcher = partial(image_fetcher, config=config, ssm=boto3.client("ssm"), origins=origins, clock=now)
cacher = partial(
    ImageCacher,
    claims=ImageClaims(table_name=config.images_table, dynamodb=dynamodb),
    blobs=Blobs(bucket=config.image_bucket, s3=boto3.client("s3")),
    queue=ImagesQueue(queue_url=config.images_queue_url, sqs=boto3.client("sqs")),
    salt=cache(SyncState(table_name=config.sync_state_table, dynamodb=dynamodb).salt),
    lease_seconds=config.claim_lease_seconds,
    clock=now,
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    at_once, left = config.fetches_per_invocation, context.get_remaining_time_in_millis
    with punctual_session() as session:
        images = cacher(fetcher=fetcher(session=session))
        deliveries = cache_batch(event["Records"], cacher=images, at_once=at_once, time_left=left)
    for delivery in deliveries:
        logger.info("image", extra=delivery.for_log(), exc_info=delivery.bug)
    if counted := metrics(deliveries, service=config.service, now=now()):
        print(counted)  # noqa: T201 - CloudWatch reads metrics from the log, unwrapped
    return {"batchItemFailures": [{"itemIdentifier": one.message_id} for one in deliveries if one.error]}
