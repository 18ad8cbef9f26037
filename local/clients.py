"""Makes the clients with which this process uses the engine."""

from functools import cache
from typing import Any

from imagecache.aws_clients import client_maker
from local.engine import Engine

_make_client = client_maker()


@cache
def client(engine: Engine, service: str) -> Any:
    """Returns the client of an AWS service, which is made once, because that takes long.

    Clients must be made by one thread at a time; the clients themselves can be used by several threads.
    """
    return _make_client(service, **engine.access)
