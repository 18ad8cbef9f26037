"""A job that functions/admin has begun, by its id → one backfill, retry or redrive, as far as time allows."""

import os
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config
from imagecache.model.job import JobKind, JobStatus
from imagecache.usecases.operating.redrive_images import redrive_images
from imagecache.usecases.operating.run_job import Work, work_on
from imagecache.wiring import Wiring

_TIME_TO_STOP = 30_000  # ms
logger = Logger()
wiring = Wiring(Config.from_env(os.environ), make_client=boto3.client, clock=now)
works: dict[JobKind, Work] = {
    JobKind.BACKFILL: wiring.image_backfill.backfill,
    JobKind.RETRY_FAILED: wiring.image_backfill.retry_failed,
    JobKind.REDRIVE: partial(redrive_images, dead_letters=wiring.dead_letters, queue=wiring.images_queue),
}


def handler(event: dict[str, Any], context: Any) -> None:
    def out_of_time() -> bool:
        return bool(context.get_remaining_time_in_millis() < _TIME_TO_STOP)

    job = work_on(event["jobId"], works=works, jobs=wiring.jobs, clock=now, out_of_time=out_of_time)
    logger.info("job", extra={"kind": job.kind, "status": job.status, "progress": job.progress})
    if job.status is JobStatus.RUNNING:
        wiring.invocations.send(context.function_name, {"jobId": job.job_id})
