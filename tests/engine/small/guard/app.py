"""Authorizer: anybody with a token, but not with the wrong one."""

from typing import Any


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    token = event["headers"]["authorization"]
    return {"isAuthorized": token != "wrong", "context": {"role": token}}
