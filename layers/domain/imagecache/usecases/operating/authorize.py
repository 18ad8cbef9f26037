"""Finds out whose token a request carries, from its Authorization header."""

import hmac
from dataclasses import dataclass, field

from imagecache.clock import Clock
from imagecache.model.access import Role
from imagecache.stores.secrets import Secrets

# A replaced token keeps working for so many ms.
_CACHED_FOR = 60_000
# The more powerful token comes first, in case both have the same value.
_SECRET_NAMES = {Role.ADMIN: "admin-token", Role.READ: "read-token"}


@dataclass(slots=True, kw_only=True)
class Authorizer:
    """Compares tokens with the stored ones, which it reads at most once a minute."""

    secrets: Secrets
    clock: Clock
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)
    _read_at: int | None = None

    def role(self, authorization: str) -> Role:
        """Returns the role of `Bearer <token>` (RFC 6750 §2.1), NONE for anything else.

        Compares in constant time, so that the time of an answer does not help to guess a token.
        """
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer":
            return Role.NONE
        tokens = self._current_tokens()
        for role, name in _SECRET_NAMES.items():
            expected = tokens.get(name, "")
            if hmac.compare_digest(token.strip().encode(), expected.encode()) and expected:
                return role
        return Role.NONE

    def _current_tokens(self) -> dict[str, str]:
        now = self.clock()
        if self._read_at is None or not 0 <= now - self._read_at < _CACHED_FOR:
            self._tokens = self.secrets.read(*_SECRET_NAMES.values())
            self._read_at = now
        return self._tokens
