"""Stores the demo account's contacts in the stack: some through its API, others by an import from Dex."""

import json
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.clients import client
from local.demo_account import DemoServers
from local.deploy import DeployedStack
from local.readiness import NotReadyError
from local.stack import has_rows

_TIMEOUT_SECONDS = 60


def bring_contacts(
    stack: DeployedStack, demo: DemoServers, address: str, admin_token: str, *, check: Callable[[], None]
) -> None:
    """Stores all contacts, if the stack has none yet. A person's changes are kept that way.

    It must run before the first sync, which links them. Later imports from Dex are not awaited, because a
    sync links what they change. Raises NotReadyError if a contact cannot be stored, unless `check` raises an
    error that explains it: a person may have connected Beeper, which closes the API.
    """
    if has_rows(stack, "ContactsTable"):
        import_from_dex(stack, wait=False)
        return
    with ThreadPoolExecutor(2) as pool:
        from_dex = pool.submit(import_from_dex, stack, wait=True)
        contacts = _request(demo.beeper.url, demo.control_token, "GET", "/_demo/contacts")
        for contact_id, contact in contacts.items():
            path = f"/api/contacts/{contact_id}"
            try:
                _request(address, admin_token, "PUT", path, {**contact, "withoutSync": True})
            except NotReadyError:
                check()
                raise
        from_dex.result()


def import_from_dex(stack: DeployedStack, *, wait: bool) -> None:
    """Starts an import from Dex without waiting for its schedule. If `wait`, returns when it has ended.

    An import that has changed contacts starts a sync.
    """
    client(stack.engine, "lambda").invoke(
        FunctionName=stack.outputs["ContactsFunction"],
        InvocationType="RequestResponse" if wait else "Event",
        Payload=b"{}",
    )


def _request(address: str, token: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Sends a request and returns the JSON of the answer. Raises NotReadyError if it fails."""
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
            f"the demo account's contacts could not be stored ({error}): run `make run` again"
        ) from error
