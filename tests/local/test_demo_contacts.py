"""The demo account's contacts are stored at its first start, unless a person connects Beeper meanwhile."""

from typing import Any
from unittest.mock import Mock

import pytest

from local import demo_contacts
from local.demo_contacts import bring_contacts
from local.edge_server import EdgeServer
from local.readiness import NotReadyError


class AccountChangedError(Exception):
    """Stands for the error by which the run starts again with the other account."""


def test_a_person_may_connect_beeper_while_contacts_are_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    request = demo_contacts._request
    is_changed = False

    def answer(address: str, token: str, method: str, path: str, *body: Any) -> Any:
        return {"ada": {"name": "Ada"}} if method == "GET" else request(address, token, method, path, *body)

    def check() -> None:
        if is_changed:
            raise AccountChangedError

    monkeypatch.setattr(demo_contacts, "has_rows", lambda *_: False)
    monkeypatch.setattr(demo_contacts, "import_from_dex", lambda *_, **__: None)
    monkeypatch.setattr(demo_contacts, "_request", answer)
    server = EdgeServer(0)
    with server.serving() as address:  # it has no site, as after a change of the account
        with pytest.raises(NotReadyError):
            bring_contacts(Mock(), Mock(), address, "t", check=check)
        is_changed = True
        with pytest.raises(AccountChangedError):
            bring_contacts(Mock(), Mock(), address, "t", check=check)
