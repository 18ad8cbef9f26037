"""A job that functions/admin has begun, by its id → one backfill or retry, as far as time allows."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config
from imagecache.model import JobKind, JobStatus
from imagecache.queues.invocations import Invocations
from imagecache.stores.chat_pages import ChatPages
from imagecache.stores.contacts import Contacts
from imagecache.stores.image_facts import ImageCatalogue
from imagecache.stores.jobs import Jobs
from imagecache.stores.participants import ChatParticipants
from imagecache.usecases.queue_missing import MissingImages
from imagecache.usecases.request_images import image_requests
from imagecache.usecases.run_job import work_on

_TIME_TO_STOP = 30_000  # ms
config, logger, dynamodb = Config.from_env(os.environ), Logger(), boto3.client("dynamodb")
invocations, at_once = Invocations(functions=boto3.client("lambda")), config.writes_at_once
missing = MissingImages(
    chats=ChatPages(table_name=config.chats_table, dynamodb=dynamodb),
    participants=ChatParticipants(config.participants_table, dynamodb, at_once=at_once),
    contacts=Contacts(table_name=config.contacts_table, dynamodb=dynamodb),
    catalogue=ImageCatalogue(table_name=config.images_table, dynamodb=dynamodb),
    requests=image_requests(config=config, dynamodb=dynamodb, sqs=boto3.client("sqs"), clock=now),
)
works = {JobKind.BACKFILL: missing.backfill, JobKind.RETRY_FAILED: missing.retry_failed}
jobs = Jobs(table_name=config.sync_state_table, dynamodb=dynamodb)


def handler(event: dict[str, Any], context: Any) -> None:
    def out_of_time() -> bool:
        return bool(context.get_remaining_time_in_millis() < _TIME_TO_STOP)

    job = work_on(event["jobId"], works=works, jobs=jobs, clock=now, out_of_time=out_of_time)
    logger.info("job", extra={"kind": job.kind, "status": job.status, "progress": job.progress})
    if job.status is JobStatus.RUNNING:
        invocations.send(context.function_name, {"jobId": job.job_id})
