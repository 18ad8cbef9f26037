"""Schedule, or anybody who invokes it with {"complete", "force"} → one run over Beeper's chats."""

import os
from dataclasses import asdict
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from imagecache.sources.punctual import punctual_session

from imagecache.clock import now
from imagecache.config import Config
from imagecache.sources.beeper_auth import BEEPER_SECRETS
from imagecache.sources.chat_api import ChatApi
from imagecache.stores.chats import BeeperChats
from imagecache.stores.origins import Origins
from imagecache.stores.participants import ChatParticipants
from imagecache.stores.secrets import Secrets
from imagecache.stores.sync_state import SyncState
from imagecache.usecases.request_images import image_requests
from imagecache.usecases.sync_chats import ChatSync

config, logger = Config.from_env(os.environ), Logger()
dynamodb, functions = boto3.client("dynamodb"), boto3.client("lambda")
secrets = Secrets(path=config.secrets_path, ssm=boto3.client("ssm"))
sync = ChatSync(
    chats=BeeperChats(table_name=config.chats_table, dynamodb=dynamodb),
    participants=ChatParticipants(config.participants_table, dynamodb, at_once=config.writes_at_once),
    images=image_requests(config=config, dynamodb=dynamodb, sqs=boto3.client("sqs"), clock=now),
    state=SyncState(table_name=config.sync_state_table, dynamodb=dynamodb),
    origins=Origins(table_name=config.sync_state_table, dynamodb=dynamodb),
    clock=now,
    active_within_days=config.active_within_days,
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    wanted = {name: event.get(name) is True for name in ("complete", "force")}
    with punctual_session() as session:
        api = ChatApi(base_url=config.beeper_url, secrets=secrets.read(*BEEPER_SECRETS), session=session)
        report = sync.run(api, milliseconds_left=context.get_remaining_time_in_millis, **wanted)
    logger.info("sync", extra=asdict(report))
    if report.outcome == "unfinished":
        functions.invoke(FunctionName=context.function_name, InvocationType="Event", Payload="{}")
    return asdict(report)
