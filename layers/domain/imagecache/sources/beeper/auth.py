"""What Beeper, and a guarded tunnel before it, want to see of whoever asks."""

from collections.abc import Mapping

BEEPER_SECRETS = ("beeper-token", "cf-access-client-id", "cf-access-client-secret")


def beeper_headers(secrets: Mapping[str, str]) -> dict[str, str]:
    """`secrets` holds those of BEEPER_SECRETS that exist. Without a token Beeper answers 401, which shows."""
    return {"Authorization": f"Bearer {secrets.get('beeper-token', '')}", **access_headers(secrets)}


def access_headers(secrets: Mapping[str, str]) -> dict[str, str]:
    """What Cloudflare Access wants of a service before its tunnel lets it through; empty without the pair."""
    client_id = secrets.get("cf-access-client-id")
    client_secret = secrets.get("cf-access-client-secret")
    if not (client_id and client_secret):
        return {}
    return {"CF-Access-Client-Id": client_id, "CF-Access-Client-Secret": client_secret}
