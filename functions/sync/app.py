"""Syncs Beeper's chats: on a schedule, for jobs that the API has started, and for events from an operator.

An operator's event may have `complete` and `force`, and that of a hint `chatIds`: see SyncJobs.handle. If an
agent syncs, this function passes each event on to it.
"""

from imagecache import cold_start  # isort: split

import os
from dataclasses import asdict
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from imagecache.aws_requests import function_clients
from imagecache.clock import now
from imagecache.config import Config
from imagecache.errors import JobOverError, JobTakenError
from imagecache.failure_log import failures_logged
from imagecache.metrics import SYNC_SUCCEEDED, put_counts
from imagecache.model.agent import Source
from imagecache.sources.beeper.auth import BEEPER_SECRETS
from imagecache.sources.transport import punctual_session
from imagecache.usecases.sync.sync_run import SyncOutcome, SyncReport
from imagecache.wiring import Wiring

config = Config.from_env(os.environ)
logger = Logger()
wiring = Wiring(config, make_client=function_clients(os.environ, clock=now), clock=now)
sync_jobs = wiring.sync_jobs
invocations = wiring.invocations


@logger.inject_lambda_context(clear_state=True)
@failures_logged(logger, "sync failed")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Runs sync and returns its report. If the run is not finished, the function invokes itself again.

    With an agent it returns that it has passed the event on.
    """
    if "jobId" in event:
        logger.append_keys(jobId=event["jobId"])
    if config.source is Source.AGENT:
        wiring.sync_requests.send(event)
        logger.info("passed on to the agent")
        return {"passedOn": True}
    try:
        report = sync(event, context)
    except (JobTakenError, JobOverError) as reason:
        # Lambda may deliver an event twice. That is not an error, so the alarm must not count it.
        logger.info("nothing to do", extra={"reason": type(reason).__name__})
        return {"skipped": type(reason).__name__}
    logger.info("sync", extra=report.for_log())
    if report.skipped:
        # Ids of chats are personal data, so they are logged only at the level DEBUG.
        logger.debug("skipped chats", extra={"chatIds": report.skipped})
    if report.outcome is SyncOutcome.OK:
        put_counts({SYNC_SUCCEEDED: 1}, service=config.service)
    return asdict(report)


def sync(event: dict[str, Any], context: LambdaContext) -> SyncReport:
    """Runs sync with the current tokens, which are read in each invocation because they may be replaced."""
    secrets = wiring.secrets.read(*BEEPER_SECRETS)
    with punctual_session() as session:
        return sync_jobs.handle(
            event,
            wiring.chat_api(secrets, session),
            remaining_ms=context.get_remaining_time_in_millis,
            send_event=partial(invocations.send, context.function_name),
        )


cold_start.finish()
