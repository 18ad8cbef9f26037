"""Converts a viewer's request to the request that is sent to its origin, or refuses it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote, unquote

from local.deploy import DeployedStack
from local.edge import ApiOrigin, Behaviour, BucketOrigin, read_distribution


class RefusedError(Exception):
    """The request is refused. The viewer gets this status and this short text."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class OriginRequest:
    """A request to the engine, and the distribution's rule that selected its origin."""

    port: int
    host: str
    target: str
    behaviour: Behaviour
    token: str = field(repr=False)

    @property
    def to_bucket(self) -> bool:
        """True if S3 answers the request."""
        return isinstance(self.behaviour.origin, BucketOrigin)


class Site:
    """A deployed stack behind its distribution. Pages of `allowed_origins` may use its API and pictures."""

    def __init__(self, stack: DeployedStack, *, allowed_origins: Iterable[str] = ()) -> None:
        self.allowed_origins = frozenset(allowed_origins)
        self._distribution = read_distribution(stack.template)
        self._resources = stack.resources
        self._engine = stack.engine

    def origin_request(self, method: str, target: str) -> OriginRequest:
        """Returns the request to make for a viewer's method and target. Raises RefusedError."""
        path = target.partition("?")[0]
        if not path.startswith("/"):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "The address must begin with a slash")
        if not target.isascii():
            raise RefusedError(
                HTTPStatus.BAD_REQUEST, "The address must be ASCII: escape other letters with %"
            )
        behaviour = self._distribution.behaviour(path)
        if method not in behaviour.methods:
            raise RefusedError(
                HTTPStatus.FORBIDDEN,
                f"This address does not accept {method}: use {', '.join(sorted(behaviour.methods))}",
            )
        port = self._engine.port
        name = self._resources[behaviour.origin.resource]
        if isinstance(behaviour.origin, ApiOrigin):
            # The engine selects the API by this host name, which need not exist in DNS.
            host = f"{name}.execute-api.localhost:{port}"
        else:
            # The query is left out, because one such as `?versions` would request more than the object.
            host = f"127.0.0.1:{port}"
            target = f"/{name}/{quote(self._key(behaviour.origin, path))}"
        return OriginRequest(port, host, target, behaviour, self._engine.token)

    def _key(self, origin: BucketOrigin, path: str) -> str:
        """Returns the object key for a path. Raises RefusedError if the object may not be read."""
        try:
            key = unquote(path, errors="strict").removeprefix("/") or self._distribution.root_object
        except UnicodeDecodeError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "The path is not UTF-8") from error
        # For S3 a key is only a name, but the engine stores objects as files, so a key must not leave its
        # folder.
        if {"", ".", ".."} & set(key.split("/")) or not key.isprintable() or not origin.may_read(key):
            raise RefusedError(HTTPStatus.FORBIDDEN, "Access denied")
        return key
