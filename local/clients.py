"""Makes the clients with which this process uses the engine.

botocore is imported for the first client, because that takes longer than all other imports of `local.run`
together: the engine, which needs no client, is started before.
"""

from functools import cache
from typing import Any

from local.engine import Engine


@cache
def client(engine: Engine, service: str, *, timeout_seconds: int = 120) -> Any:
    """Returns the client of an AWS service, which is made once, because that takes long.

    A request is sent at most twice, and fails if its answer takes longer than `timeout_seconds` both times.
    Clients must be made by one thread at a time; the clients themselves can be used by several threads.
    """
    from botocore.config import Config  # noqa: PLC0415 - see above

    access = engine.access
    config = access["config"].merge(Config(read_timeout=timeout_seconds))
    return _maker()(service, **{**access, "config": config})


@cache
def _maker() -> Any:
    from imagecache.aws_clients import client_maker  # noqa: PLC0415 - imports botocore

    return client_maker()
