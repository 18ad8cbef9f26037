"""Sweeps the cache: every night on a schedule, and for jobs that the API has started.

An invocation that runs out of time invokes this function again to continue the sweep.
"""

from imagecache import cold_start  # isort: split

import os
from typing import Any

from aws_lambda_powertools import Logger

from imagecache.aws_requests import function_clients
from imagecache.clock import now
from imagecache.config import Config
from imagecache.errors import JobOverError, JobTakenError
from imagecache.failure_log import failures_logged
from imagecache.imaging.memory_limit import limit_memory
from imagecache.metrics import SWEEP_REFUSED, put_counts
from imagecache.model.job import CleanupOrder, JobStatus
from imagecache.rules.time_budget import TimeBudget
from imagecache.usecases.upkeep.sweep_cache import needs_a_person
from imagecache.wiring import Wiring

# The time (ms) to finish one step, which may repair hundreds of images, and to record the position.
RESERVE_MS = 60_000

limit_memory()
config = Config.from_env(os.environ)
logger = Logger()
wiring = Wiring(config, make_client=function_clients(os.environ, clock=now), clock=now)
job_runner = wiring.job_runner
sweep = wiring.sweep
invocations = wiring.invocations


@logger.inject_lambda_context(clear_state=True)
@failures_logged(logger, "the sweep failed")
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        job_id = job_runner.job_id(event, scheduled=CleanupOrder())
        logger.append_keys(jobId=job_id)
        return work_on(job_id, context)
    except (JobTakenError, JobOverError) as reason:
        # Lambda may deliver an event twice. That is not an error, so the alarm must not count it.
        logger.info("nothing to do", extra={"reason": type(reason).__name__})
        return {"skipped": type(reason).__name__}


def work_on(job_id: str, context: Any) -> dict[str, Any]:
    time_budget = TimeBudget(context.get_remaining_time_in_millis, RESERVE_MS)
    job = job_runner.run(job_id, sweep.run, time_budget)
    report = {"status": job.status, **job.progress, **job.result}
    logger.info("sweep", extra=report)
    if job.status is JobStatus.RUNNING:
        invocations.send(context.function_name, {"jobId": job_id})
    if needs_a_person(job):
        put_counts({SWEEP_REFUSED: 1}, service=config.service)
    return report


cold_start.finish()
