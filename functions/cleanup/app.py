"""Nightly schedule, or a job that functions/admin has begun → one sweep, as far as time allows."""

import os
import secrets
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config
from imagecache.metrics import SWEEP_REFUSED, emf
from imagecache.model.job import JobStatus
from imagecache.queues.invocations import Invocations
from imagecache.stores.state.jobs import Jobs
from imagecache.usecases.upkeep.sweep_cache import cache_sweep
from imagecache.usecases.upkeep.sweep_job import needs_a_person, sweep_as_told

config, logger, dynamodb = Config.from_env(os.environ), Logger(), boto3.client("dynamodb")
invocations = Invocations(functions=boto3.client("lambda"))
jobs = Jobs(table_name=config.sync_state_table, dynamodb=dynamodb)
sweep = cache_sweep(
    config=config, dynamodb=dynamodb, s3=boto3.client("s3"), sqs=boto3.client("sqs"), clock=now
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    left = context.get_remaining_time_in_millis
    job = sweep_as_told(event, sweep=sweep, jobs=jobs, milliseconds_left=left, new_id=secrets.token_hex)
    told = {"status": job.status, **job.progress, **job.result}
    logger.info("sweep", extra=told)
    if job.status is JobStatus.RUNNING:
        invocations.send(context.function_name, {"jobId": job.job_id})
    if needs_a_person(job):
        print(emf({SWEEP_REFUSED: 1}, service=config.service, now=now()))  # noqa: T201 - as the cacher does
    return told
