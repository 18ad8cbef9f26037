"""Schedule, a job of the API's, or anybody with {"complete", "force"} → one run over Beeper's chats."""

import os
from dataclasses import asdict
from functools import partial
from secrets import token_hex
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config
from imagecache.errors import JobOverError, JobTakenError
from imagecache.metrics import SYNC_SUCCEEDED, emf
from imagecache.sources.beeper.auth import BEEPER_SECRETS
from imagecache.sources.beeper.chat_api import ChatApi
from imagecache.sources.transport import punctual_session
from imagecache.usecases.sync.sync_job import sync_as_told
from imagecache.usecases.sync.sync_report import SyncOutcome
from imagecache.wiring import Wiring

config = Config.from_env(os.environ)
logger = Logger()
wiring = Wiring(config, make_client=boto3.client, clock=now)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        return sync(event, context)
    except (JobTakenError, JobOverError) as reason:
        # Lambda may deliver one event twice. That is no error, and must not ring the alarm on errors.
        logger.info("nothing to do", extra={"reason": type(reason).__name__})
        return {"skipped": type(reason).__name__}


def sync(event: dict[str, Any], context: Any) -> dict[str, Any]:
    secrets = wiring.secrets.read(*BEEPER_SECRETS)
    with punctual_session() as session:
        api = ChatApi(base_url=config.beeper_url, secrets=secrets, session=session)
        report = sync_as_told(
            event,
            run=partial(wiring.chat_sync.run, api, milliseconds_left=context.get_remaining_time_in_millis),
            again=partial(wiring.invocations.send, context.function_name),
            claim=lambda job_id: wiring.jobs.claim(
                job_id,
                worker=token_hex(),
                now=now(),
                milliseconds=context.get_remaining_time_in_millis(),
            ),
            jobs=wiring.jobs,
            clock=now,
        )
    logger.info("sync", extra=asdict(report))
    if report.outcome is SyncOutcome.OK:
        print(emf({SYNC_SUCCEEDED: 1}, service=config.service, now=now()))  # noqa: T201 - as the cacher does
    return asdict(report)
