"""Imports the contacts from Dex on a schedule. If contacts have changed, starts a sync, which links them."""

from imagecache import cold_start  # isort: split

import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger

from imagecache.aws_requests import function_clients
from imagecache.clock import now
from imagecache.config import Config, DexSettings
from imagecache.failure_log import failures_logged
from imagecache.sources.dex import DexApi
from imagecache.sources.transport import punctual_session
from imagecache.stores.secrets import Secrets
from imagecache.usecases.contacts.import_contacts import ImportReport
from imagecache.wiring import Wiring

settings = DexSettings.from_env(os.environ)
logger = Logger()
wiring = Wiring(Config.from_env(os.environ), make_client=function_clients(os.environ, clock=now), clock=now)
contact_import = wiring.contact_import


@logger.inject_lambda_context
@failures_logged(logger, "the import of contacts failed")
def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    return asdict(_import_contacts(context.get_remaining_time_in_millis))


def _import_contacts(remaining_ms: Callable[[], int]) -> ImportReport:
    # The key is read in each invocation, because a replaced key must work at once.
    path, _, name = settings.key_parameter.rpartition("/")
    key = Secrets(path=path, ssm=wiring.client("ssm")).get(name)
    with punctual_session() as session:
        dex = DexApi(base_url=settings.url, key=key, session=session, sleep=time.sleep)
        report = contact_import.run(dex, remaining_ms=remaining_ms)
    logger.info("contacts", extra=asdict(report))
    if report.changed:
        wiring.invocations.send(settings.sync_function, {})
    return report


cold_start.finish()
