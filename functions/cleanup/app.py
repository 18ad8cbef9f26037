"""Nightly schedule, or a job that functions/admin has begun → one sweep, as far as time allows."""

import os
import secrets
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config
from imagecache.metrics import SWEEP_REFUSED, put_counts
from imagecache.model.job import JobStatus
from imagecache.usecases.upkeep.sweep_job import needs_a_person, sweep_as_told
from imagecache.wiring import Wiring

config = Config.from_env(os.environ)
logger = Logger()
wiring = Wiring(config, make_client=boto3.client, clock=now)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    job = sweep_as_told(
        event,
        sweep=wiring.sweep,
        jobs=wiring.jobs,
        milliseconds_left=context.get_remaining_time_in_millis,
        new_id=secrets.token_hex,
    )
    told = {"status": job.status, **job.progress, **job.result}
    logger.info("sweep", extra=told)
    if job.status is JobStatus.RUNNING:
        wiring.invocations.send(context.function_name, {"jobId": job.job_id})
    if needs_a_person(job):
        put_counts({SWEEP_REFUSED: 1}, service=config.service)
    return told
