"""The demo account's contacts → the stack: some through its API, as a person would, others from Dex."""

import json
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3

from local.deploy import Stack
from local.readiness import NotReadyError

_SECONDS = 60


def bring_contacts(stack: Stack, address: str, admin_token: str) -> None:
    """Before the first sync, which then shows them. By hand only where there are none yet."""
    with ThreadPoolExecutor(2) as pool:
        from_dex = pool.submit(import_from_dex, stack, wait=True)
        if not _ask(address, admin_token, "GET", "/api/contacts")["contacts"]:
            kept = _ask(address, admin_token, "GET", "/_demo/contacts")
            for contact_id, contact in kept.items():
                path = f"/api/contacts/{contact_id}"
                _ask(address, admin_token, "PUT", path, {**contact, "withoutSync": True})
        from_dex.result()


def import_from_dex(stack: Stack, *, wait: bool) -> None:
    """Now, not when its schedule comes round. It starts a sync of its own when it has brought something."""
    function: Any = boto3.client("lambda", **stack.engine.access)
    kind = "RequestResponse" if wait else "Event"
    function.invoke(FunctionName=stack.outputs["ContactsFunction"], InvocationType=kind, Payload=b"{}")


def _ask(address: str, token: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Raises NotReadyError."""
    request = urllib.request.Request(  # noqa: S310 - our own server
        address.rstrip("/") + path,
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - our own server
            return json.load(answer)
    except OSError as error:
        raise NotReadyError(f"the API does not take the demo's contacts: {error}") from error
