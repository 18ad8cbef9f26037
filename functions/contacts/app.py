"""Schedule → the contacts that Dex has; when they have changed, a sync that shows them in the chats."""

import os
import time
from dataclasses import asdict
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config, Dex
from imagecache.sources.dex import DexApi
from imagecache.sources.transport import punctual_session
from imagecache.stores.secrets import Secrets
from imagecache.wiring import Wiring

config = Config.from_env(os.environ)
logger = Logger()
wiring = Wiring(config, make_client=boto3.client, clock=now)
dex = Dex.from_env(os.environ)


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    path, _, name = dex.key_parameter.rpartition("/")
    key = Secrets(path=path, ssm=wiring.client("ssm")).get(name)
    with punctual_session() as session:
        api = DexApi(base_url=dex.url, key=key, session=session, sleep=time.sleep)
        report = wiring.contact_import.run(api, milliseconds_left=context.get_remaining_time_in_millis)
    logger.info("contacts", extra=asdict(report))
    if report.changed:
        wiring.invocations.send(dex.sync_function, {})
    return asdict(report)
