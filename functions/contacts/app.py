"""Schedule → the contacts that Dex has; when they have changed, a sync that shows them in the chats."""

import os
import time
from dataclasses import asdict
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config, Dex
from imagecache.queues.invocations import Invocations
from imagecache.sources.dex import DexApi
from imagecache.sources.transport import punctual_session
from imagecache.stores.contacts.contacts import ContactsTable
from imagecache.stores.secrets import Secrets
from imagecache.stores.state.sync_state import SyncState
from imagecache.usecases.contacts.import_contacts import ContactImport

config, dex, logger = Config.from_env(os.environ), Dex.from_env(os.environ), Logger()
dynamodb, ssm = boto3.client("dynamodb"), boto3.client("ssm")
invocations = Invocations(functions=boto3.client("lambda"))
imports = ContactImport(
    contacts=ContactsTable(table_name=config.contacts_table, dynamodb=dynamodb),
    state=SyncState(table_name=config.sync_state_table, dynamodb=dynamodb),
    region=config.default_region,
    clock=now,
)


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    path, _, name = dex.key_parameter.rpartition("/")
    key = Secrets(path=path, ssm=ssm).get(name)
    with punctual_session() as session:
        api = DexApi(base_url=dex.url, key=key, session=session, sleep=time.sleep)
        report = imports.run(api, milliseconds_left=context.get_remaining_time_in_millis)
    logger.info("contacts", extra=asdict(report))
    if report.changed:
        invocations.send(dex.sync_function, {})
    return asdict(report)
