"""An Authorization header → whose token it is."""

import hmac
from dataclasses import dataclass, field

from imagecache.clock import Clock
from imagecache.model.access import Role
from imagecache.stores.secrets import Secrets

# So long (ms) a rotated token goes on working here; API Gateway keeps an answer for as long again.
_LIVES_FOR = 60_000
# The larger right first: somebody may have set both tokens alike.
_TOKENS = {Role.ADMIN: "admin-token", Role.READ: "read-token"}


@dataclass(slots=True, kw_only=True)
class Authorizer:
    """Remembers the tokens for a minute, in this process alone."""

    secrets: Secrets
    clock: Clock
    _known: dict[str, str] = field(default_factory=dict)
    _read_at: int | None = None

    def role(self, authorization: str) -> Role:
        """Of `Bearer <token>` (RFC 6750 §2.1); compared in constant time."""
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer":
            return Role.NONE
        tokens = self._tokens()
        for role, name in _TOKENS.items():
            expected = tokens.get(name, "")
            if hmac.compare_digest(token.strip().encode(), expected.encode()) and expected:
                return role
        return Role.NONE

    def _tokens(self) -> dict[str, str]:
        now = self.clock()
        if self._read_at is None or not 0 <= now - self._read_at < _LIVES_FOR:
            self._known, self._read_at = self.secrets.read(*_TOKENS.values()), now
        return self._known
