"""SQS batch of image URLs → S3 and cachedImages, at most one download per image."""

import json
import os
from functools import cache as once
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config
from imagecache.queues.images import ImagesQueue
from imagecache.sources.images import SECRET_NAMES, image_sources
from imagecache.sources.punctual import punctual_session
from imagecache.stores.blobs import Blobs
from imagecache.stores.images import CachedImages
from imagecache.stores.origins import Origins
from imagecache.stores.secrets import Secrets
from imagecache.stores.sync_state import SyncState
from imagecache.usecases.cache_batch import cache_batch, metrics
from imagecache.usecases.cache_image import ImageCacher
from imagecache.usecases.fetch_image import ImageFetcher

config = Config.from_env(os.environ)
logger = Logger()
dynamodb = boto3.client("dynamodb")
secrets = Secrets(path=config.secrets_path, ssm=boto3.client("ssm"))
queue = ImagesQueue(queue_url=config.images_queue_url, sqs=boto3.client("sqs"))
blobs = Blobs(bucket=config.image_bucket, s3=boto3.client("s3"))
images = CachedImages(table_name=config.images_table, dynamodb=dynamodb)
origins = Origins(table_name=config.sync_state_table, dynamodb=dynamodb)
salt = once(SyncState(table_name=config.sync_state_table, dynamodb=dynamodb).salt)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    # Tokens and connections are this invocation's: those get rotated, and a frozen process keeps no socket.
    with punctual_session() as session:
        sources = image_sources(config=config, secrets=secrets.read(*SECRET_NAMES), session=session)
        cacher = ImageCacher(
            images=images,
            fetcher=ImageFetcher(sources=sources, origins=origins, clock=now),
            blobs=blobs,
            queue=queue,
            salt=salt,
            lease_seconds=config.claim_lease_seconds,
            clock=now,
        )
        deliveries = cache_batch(
            event["Records"],
            cacher=cacher,
            queue=queue,
            at_once=config.fetches_per_invocation,
            time_left=context.get_remaining_time_in_millis,
        )
    for delivery in deliveries:
        logger.info("image", extra=delivery.for_log(), exc_info=delivery.bug)
    if counted := metrics(deliveries, now=now()):
        print(json.dumps(counted))  # noqa: T201 - CloudWatch reads metrics from the log, unwrapped
    return {"batchItemFailures": [{"itemIdentifier": one.message_id} for one in deliveries if one.error]}
