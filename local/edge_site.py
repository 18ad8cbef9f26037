"""Decides which request to an origin answers a viewer's request, or why it is refused."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote, unquote

from local.deploy import Stack
from local.edge import ApiOrigin, Behaviour, BucketOrigin, read_distribution


class RefusedError(Exception):
    """A request is answered with a status and a short text, instead of an origin's answer."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class OriginRequest:
    """A request to the engine, and the behaviour of the distribution that leads to it."""

    port: int
    host: str
    target: str
    behaviour: Behaviour
    token: str = field(repr=False)

    @property
    def to_bucket(self) -> bool:
        """Returns whether S3 answers the request."""
        return isinstance(self.behaviour.origin, BucketOrigin)


class Site:
    """A deployed stack behind its distribution. Pages of `allowed_origins` may use its API and pictures."""

    def __init__(self, stack: Stack, *, allowed_origins: Iterable[str] = ()) -> None:
        self.allowed_origins = frozenset(allowed_origins)
        self._distribution = read_distribution(stack.template)
        self._resources = stack.resources
        self._engine = stack.engine

    def origin_request(self, method: str, target: str) -> OriginRequest:
        """Returns the request to make for a viewer's method and target. Raises RefusedError."""
        path = target.partition("?")[0]
        if not path.startswith("/"):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "The address must begin with a slash")
        behaviour = self._distribution.behaviour(path)
        if method not in behaviour.methods:
            raise RefusedError(HTTPStatus.FORBIDDEN, f"{method} is not allowed here")
        port = self._engine.port
        name = self._resources[behaviour.origin.resource]
        if isinstance(behaviour.origin, ApiOrigin):
            # The engine tells its APIs apart by this host name, which does not have to resolve.
            host = f"{name}.execute-api.localhost:{port}"
        else:
            # A query such as `?versions` would ask the bucket for more than the object.
            host = f"127.0.0.1:{port}"
            target = f"/{name}/{quote(self._key(behaviour.origin, path))}"
        return OriginRequest(port, host, target, behaviour, self._engine.token)

    def _key(self, origin: BucketOrigin, path: str) -> str:
        """Returns the key of the object that a path names. Raises RefusedError if it may not be read."""
        try:
            key = unquote(path, errors="strict").removeprefix("/") or self._distribution.root_object
        except UnicodeDecodeError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "The path is not UTF-8") from error
        # S3 takes a key as one name, but the engine stores objects as files in folders.
        if {"", ".", ".."} & set(key.split("/")) or not key.isprintable() or not origin.may_read(key):
            raise RefusedError(HTTPStatus.FORBIDDEN, "Access denied")
        return key
