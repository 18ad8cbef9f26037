"""Syncs Beeper's chats: on a schedule, for a job that the API has started, or for {"complete", "force"}."""

import os
from dataclasses import asdict
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from imagecache.clock import now
from imagecache.config import Config
from imagecache.errors import JobOverError, JobTakenError
from imagecache.failure_log import failures_logged
from imagecache.metrics import SYNC_SUCCEEDED, put_counts
from imagecache.sources.beeper.auth import BEEPER_SECRETS
from imagecache.sources.transport import punctual_session
from imagecache.usecases.sync.sync_run import SyncOutcome, SyncReport
from imagecache.wiring import Wiring

config = Config.from_env(os.environ)
logger = Logger()
wiring = Wiring(config, make_client=boto3.client, clock=now)
sync_jobs = wiring.sync_jobs
invocations = wiring.invocations


@logger.inject_lambda_context(clear_state=True)
@failures_logged(logger, "sync failed")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Returns the report of one run, which may not be finished: the function then invokes itself again."""
    if "jobId" in event:
        logger.append_keys(jobId=event["jobId"])
    try:
        report = sync(event, context)
    except (JobTakenError, JobOverError) as reason:
        # Lambda may deliver one event twice. That is no error, and must not ring the alarm on errors.
        logger.info("nothing to do", extra={"reason": type(reason).__name__})
        return {"skipped": type(reason).__name__}
    logger.info("sync", extra=report.for_log())
    if report.skipped:
        # Ids of chats are personal, so they are logged only when somebody looks for the chats.
        logger.debug("skipped chats", extra={"chatIds": report.skipped})
    if report.outcome is SyncOutcome.OK:
        put_counts({SYNC_SUCCEEDED: 1}, service=config.service)
    return asdict(report)


def sync(event: dict[str, Any], context: LambdaContext) -> SyncReport:
    """Runs sync with the tokens as they are now, because tokens are rotated while this process lives."""
    secrets = wiring.secrets.read(*BEEPER_SECRETS)
    with punctual_session() as session:
        return sync_jobs.handle(
            event,
            wiring.chat_api(secrets, session),
            remaining_ms=context.get_remaining_time_in_millis,
            send_event=partial(invocations.send, context.function_name),
        )
