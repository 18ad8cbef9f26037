"""SQS batch of image URLs → S3 and cachedImages, at most one download per image."""

import os
from functools import cache as once
from typing import Any

import boto3
import requests
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config
from imagecache.queues.images import ImagesQueue
from imagecache.sources.images import image_sources
from imagecache.stores.blobs import Blobs
from imagecache.stores.images import CachedImages
from imagecache.stores.secrets import Secrets
from imagecache.stores.sync_state import SyncState
from imagecache.usecases.cache_batch import cache_batch
from imagecache.usecases.cache_image import ImageCacher

config = Config.from_env(os.environ)
logger, session = Logger(), requests.Session()
dynamodb = boto3.client("dynamodb")
secrets = Secrets(path=config.secrets_path, ssm=boto3.client("ssm"))
queue = ImagesQueue(queue_url=config.images_queue_url, sqs=boto3.client("sqs"))
blobs = Blobs(bucket=config.image_bucket, s3=boto3.client("s3"))
images = CachedImages(table_name=config.images_table, dynamodb=dynamodb)
salt = once(SyncState(table_name=config.sync_state_table, dynamodb=dynamodb).salt)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    cacher = ImageCacher(
        images=images,
        sources=image_sources(config=config, secret=secrets.get, session=session),
        blobs=blobs,
        salt=salt,
        lease_seconds=config.claim_lease_seconds,
        clock=now,
    )
    at_once = config.fetches_per_invocation
    deliveries = cache_batch(event["Records"], cacher=cacher, queue=queue, at_once=at_once)
    for delivery in deliveries:
        logger.info("image", extra=delivery.for_log(), exc_info=delivery.bug)
    return {"batchItemFailures": [{"itemIdentifier": one.message_id} for one in deliveries if one.error]}
