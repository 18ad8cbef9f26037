"""Schedule, a job of the API's, or anybody with {"complete", "force"} → one run over Beeper's chats."""

import os
from dataclasses import asdict
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config
from imagecache.metrics import SYNC_SUCCEEDED, emf
from imagecache.queues.invocations import Invocations
from imagecache.sources.beeper.auth import BEEPER_SECRETS
from imagecache.sources.beeper.chat_api import ChatApi
from imagecache.sources.transport import punctual_session
from imagecache.stores.secrets import Secrets
from imagecache.stores.state.jobs import Jobs
from imagecache.usecases.sync.sync_chats import chat_sync
from imagecache.usecases.sync.sync_job import sync_as_told
from imagecache.usecases.sync.sync_report import SyncOutcome

config, logger, dynamodb = Config.from_env(os.environ), Logger(), boto3.client("dynamodb")
secrets = Secrets(path=config.secrets_path, ssm=boto3.client("ssm"))
invocations = Invocations(functions=boto3.client("lambda"))
jobs = Jobs(table_name=config.sync_state_table, dynamodb=dynamodb)
sync = chat_sync(config=config, dynamodb=dynamodb, sqs=boto3.client("sqs"), clock=now)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    left, known = context.get_remaining_time_in_millis, secrets.read(*BEEPER_SECRETS)
    again = partial(invocations.send, context.function_name)
    with punctual_session() as session:
        api = ChatApi(base_url=config.beeper_url, secrets=known, session=session)
        run = partial(sync.run, api, milliseconds_left=left)
        report = sync_as_told(event, run=run, again=again, jobs=jobs, clock=now)
    logger.info("sync", extra=asdict(report))
    if report.outcome is SyncOutcome.OK:
        print(emf({SYNC_SUCCEEDED: 1}, service=config.service, now=now()))  # noqa: T201 - as the cacher does
    return asdict(report)
