"""The headers of requests to Beeper, and to a tunnel that Cloudflare Access guards."""

from collections.abc import Mapping

BEEPER_SECRETS = ("beeper-token", "cf-access-client-id", "cf-access-client-secret")
"""The names of the secrets that these headers are made of. Only the first is always needed."""


def beeper_headers(secrets: Mapping[str, str]) -> dict[str, str]:
    """Returns the headers of a request to Beeper. `secrets` holds those of BEEPER_SECRETS that exist.

    If the token is missing, the request is sent all the same: Beeper answers 401, which is reported as such.
    """
    return {"Authorization": f"Bearer {secrets.get('beeper-token', '')}", **access_headers(secrets)}


def access_headers(secrets: Mapping[str, str]) -> dict[str, str]:
    """Returns the headers of a Cloudflare Access service token, or none unless both of its parts exist."""
    client_id = secrets.get("cf-access-client-id")
    client_secret = secrets.get("cf-access-client-secret")
    if not (client_id and client_secret):
        return {}
    return {"CF-Access-Client-Id": client_id, "CF-Access-Client-Secret": client_secret}
