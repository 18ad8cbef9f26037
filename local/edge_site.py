"""A viewer's request → the request made to an origin of the deployed stack, or why there is none."""

from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote, unquote

from local.deploy import Stack
from local.edge import ApiOrigin, Behaviour, BucketOrigin, read_distribution


class RefusedError(Exception):
    """A request that is answered with a status and a short text."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(frozen=True, slots=True)
class OriginRequest:
    """A request to the engine, or without a token to the demo account."""

    port: int
    host: str
    target: str
    behaviour: Behaviour | None
    token: str | None = field(repr=False)

    @property
    def to_bucket(self) -> bool:
        """Whether S3 answers it."""
        return self.behaviour is not None and isinstance(self.behaviour.origin, BucketOrigin)


class Site:
    """A deployed stack behind its distribution, with the demo account, if any, below `/_demo/`."""

    def __init__(self, stack: Stack, *, demo_port: int | None = None) -> None:
        self._distribution = read_distribution(stack.template)
        self._resources, self._engine, self._demo_port = stack.resources, stack.engine, demo_port

    def origin_request(self, method: str, target: str) -> OriginRequest:
        """What is asked of which origin."""
        path = target.partition("?")[0]
        if not path.startswith("/"):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "Not a path")
        if self._demo_port and path.startswith("/_demo/"):
            return OriginRequest(self._demo_port, f"127.0.0.1:{self._demo_port}", target, None, None)
        behaviour = self._distribution.behaviour(path)
        if method not in behaviour.methods:
            raise RefusedError(HTTPStatus.FORBIDDEN, f"{method} is not allowed here")
        physical, port = self._resources[behaviour.origin.resource], self._engine.port
        if isinstance(behaviour.origin, ApiOrigin):
            # The engine tells its APIs apart by this name, which need not resolve.
            host = f"{physical}.execute-api.localhost:{port}"
        else:
            # Without the query: `?versions` is the bucket's own business.
            host, target = f"127.0.0.1:{port}", f"/{physical}/{quote(self._key(behaviour.origin, path))}"
        return OriginRequest(port, host, target, behaviour, self._engine.token)

    def _key(self, origin: BucketOrigin, path: str) -> str:
        try:
            key = unquote(path, errors="strict").removeprefix("/") or self._distribution.root_object
        except UnicodeDecodeError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "Not UTF-8") from error
        # Keys are names, but the engine keeps them as files.
        if {"", ".", ".."} & set(key.split("/")) or not key.isprintable() or not origin.may_read(key):
            raise RefusedError(HTTPStatus.FORBIDDEN, "Access denied")
        return key
