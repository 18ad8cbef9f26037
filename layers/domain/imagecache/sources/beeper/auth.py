"""The headers of requests to Beeper, and to a tunnel that Cloudflare Access guards."""

from collections.abc import Mapping

BEEPER_SECRETS = ("beeper-token", "cf-access-client-id", "cf-access-client-secret")
"""The names of the secrets in these headers. Only `beeper-token` is always needed."""


def beeper_headers(secrets: Mapping[str, str]) -> dict[str, str]:
    """Returns the headers of a request to Beeper. `secrets` has the values of BEEPER_SECRETS that are set.

    If the token is missing, the header is sent without it: Beeper then answers 401, which is reported.
    """
    return {"Authorization": f"Bearer {secrets.get('beeper-token', '')}", **access_headers(secrets)}


def access_headers(secrets: Mapping[str, str]) -> dict[str, str]:
    """Returns the headers of a Cloudflare Access service token, none if its id or its secret is missing."""
    client_id = secrets.get("cf-access-client-id")
    client_secret = secrets.get("cf-access-client-secret")
    if not (client_id and client_secret):
        return {}
    return {"CF-Access-Client-Id": client_id, "CF-Access-Client-Secret": client_secret}
