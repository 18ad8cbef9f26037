"""Makes the clients with which this process uses the engine."""

from functools import cache
from typing import Any

from botocore.config import Config

from imagecache.aws_clients import client_maker
from local.engine import Engine

_make_client = client_maker()


@cache
def client(engine: Engine, service: str, *, timeout_seconds: int = 120) -> Any:
    """Returns the client of an AWS service, which is made once, because that takes long.

    A request is sent at most twice, and fails if its answer takes longer than `timeout_seconds` both times.
    Clients must be made by one thread at a time; the clients themselves can be used by several threads.
    """
    access = engine.access
    config = access["config"].merge(Config(read_timeout=timeout_seconds))
    return _make_client(service, **{**access, "config": config})
