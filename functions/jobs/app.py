"""A job that functions/admin has begun, by its id → one backfill, retry or redrive, as far as time allows."""

import os
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config
from imagecache.model.job import JobKind, JobStatus
from imagecache.queues.dead_letters import DeadLetters
from imagecache.queues.invocations import Invocations
from imagecache.stores.state.jobs import Jobs
from imagecache.usecases.caching.queue_images import image_requests
from imagecache.usecases.operating.queue_missing import missing_images
from imagecache.usecases.operating.redrive_images import redrive_images
from imagecache.usecases.operating.run_job import Work, work_on

_TIME_TO_STOP = 30_000  # ms
config, logger = Config.from_env(os.environ), Logger()
dynamodb, sqs = boto3.client("dynamodb"), boto3.client("sqs")
invocations = Invocations(functions=boto3.client("lambda"))
requests = image_requests(config=config, dynamodb=dynamodb, sqs=sqs, clock=now)
missing = missing_images(config=config, dynamodb=dynamodb, requests=requests)
dead_letters = DeadLetters(queue_url=config.dead_letter_queue_url, sqs=sqs)
works: dict[JobKind, Work] = {
    JobKind.BACKFILL: missing.backfill,
    JobKind.RETRY_FAILED: missing.retry_failed,
    JobKind.REDRIVE: partial(redrive_images, dead_letters=dead_letters, queue=requests.queue),
}
jobs = Jobs(table_name=config.sync_state_table, dynamodb=dynamodb)


def handler(event: dict[str, Any], context: Any) -> None:
    def out_of_time() -> bool:
        return bool(context.get_remaining_time_in_millis() < _TIME_TO_STOP)

    job = work_on(event["jobId"], works=works, jobs=jobs, clock=now, out_of_time=out_of_time)
    logger.info("job", extra={"kind": job.kind, "status": job.status, "progress": job.progress})
    if job.status is JobStatus.RUNNING:
        invocations.send(context.function_name, {"jobId": job.job_id})
