"""Brings the demo account's contacts into the stack, some through its API and others from Dex."""

import json
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3

from local.demo_account import DemoServers
from local.deploy import Stack
from local.readiness import NotReadyError

_TIMEOUT_SECONDS = 60


def bring_contacts(stack: Stack, demo: DemoServers, address: str, admin_token: str) -> None:
    """Brings all contacts before the first sync, which then shows their pictures. Raises NotReadyError.

    Contacts are put by hand only into a stack that has none, so that a person's changes to them stay.
    """
    with ThreadPoolExecutor(2) as pool:
        from_dex = pool.submit(import_from_dex, stack, wait=True)
        if not _request(address, admin_token, "GET", "/api/contacts")["contacts"]:
            contacts = _request(demo.beeper.url, demo.control_token, "GET", "/_demo/contacts")
            for contact_id, contact in contacts.items():
                path = f"/api/contacts/{contact_id}"
                _request(address, admin_token, "PUT", path, {**contact, "withoutSync": True})
        from_dex.result()


def import_from_dex(stack: Stack, *, wait: bool) -> None:
    """Starts the import now, instead of when its schedule is due. With `wait` it returns when that is done.

    An import that has changed anything starts a sync of its own.
    """
    function: Any = boto3.client("lambda", **stack.engine.access)
    kind = "RequestResponse" if wait else "Event"
    function.invoke(FunctionName=stack.outputs["ContactsFunction"], InvocationType=kind, Payload=b"{}")


def _request(address: str, token: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Returns the JSON of the API's answer. Raises NotReadyError if it refuses or does not answer."""
    request = urllib.request.Request(  # noqa: S310 - our own server
        address.rstrip("/") + path,
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310 - our own
            return json.load(response)
    except OSError as error:
        raise NotReadyError(
            f"the demo account's contacts could not be stored ({error}): start again"
        ) from error
