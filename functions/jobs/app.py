"""Works on the job that an event names. Syncs and sweeps have functions of their own.

The API starts a job. An invocation that runs out of time invokes this function again to continue it.
"""

from imagecache import cold_start  # isort: split

import os
from collections.abc import Iterator
from typing import Any

from aws_lambda_powertools import Logger

from imagecache.aws_requests import function_clients
from imagecache.clock import now
from imagecache.config import Config
from imagecache.errors import JobOverError, JobTakenError
from imagecache.failure_log import failures_logged
from imagecache.model.job import BackfillOrder, Job, JobStatus, RedriveOrder, RetryFailedOrder
from imagecache.rules.time_budget import TimeBudget
from imagecache.usecases.operating.jobs import Step
from imagecache.wiring import Wiring

# The time (ms) to finish one step and to record the position.
RESERVE_MS = 30_000

logger = Logger()
wiring = Wiring(Config.from_env(os.environ), make_client=function_clients(os.environ, clock=now), clock=now)
job_runner = wiring.job_runner
backfill = wiring.image_backfill
redrive = wiring.image_redrive
invocations = wiring.invocations


@logger.inject_lambda_context(clear_state=True)
@failures_logged(logger, "the job failed")
def handler(event: dict[str, Any], context: Any) -> None:
    job_id = event["jobId"]
    logger.append_keys(jobId=job_id)
    try:
        work_on(job_id, context)
    except (JobTakenError, JobOverError) as reason:
        # Lambda may deliver an event twice. That is not an error, so the alarm must not count it.
        logger.info("nothing to do", extra={"reason": type(reason).__name__})


def work_on(job_id: str, context: Any) -> None:
    time_budget = TimeBudget(context.get_remaining_time_in_millis, RESERVE_MS)
    job = job_runner.run(job_id, steps_of, time_budget)
    logger.info("job", extra={"kind": job.kind, "status": job.status, "progress": job.progress})
    if job.status is JobStatus.RUNNING:
        invocations.send(context.function_name, {"jobId": job_id})


def steps_of(job: Job) -> Iterator[Step]:
    match job.order:
        case BackfillOrder() as order:
            return backfill.backfill(job, order)
        case RetryFailedOrder():
            return backfill.retry_failed(job)
        case RedriveOrder():
            return redrive.redrive(job)
    raise TypeError(f"job {job.job_id} is a {job.kind}, which another function works on")


cold_start.finish()
