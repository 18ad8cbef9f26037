"""The owner's accounts on the networks, and their contacts."""

from typing import Any

import pytest

from demo.logins import LoginStatus
from demo.people import WHATSAPP
from demo.service import DemoAccount
from tests.demo.clients import Client

CONTACTS = f"/v1/accounts/{WHATSAPP.account_id}/contacts/list"


def _contacts(beeper: Client, **parameters: Any) -> list[dict[str, Any]]:
    pages = [beeper.get(CONTACTS, **parameters).json()]
    while pages[-1]["hasMore"]:
        pages.append(beeper.get(CONTACTS, cursor=pages[-1]["oldestCursor"], **parameters).json())
    return [item for page in pages for item in page["items"]]


def test_accounts_are_a_bare_array_without_imessage(beeper: Client) -> None:
    accounts = beeper.get("/v1/accounts").json()
    networks = {account["network"] for account in accounts}
    assert networks == {"WhatsApp", "Instagram", "Signal", "Telegram", "Discord", "Beeper (Matrix)"}
    assert all(account["user"]["isSelf"] for account in accounts)


def test_accounts_of_an_old_server_have_no_status(demo: DemoAccount, beeper: Client) -> None:
    demo.chat_api.is_old = True
    assert all("status" not in account for account in beeper.get("/v1/accounts").json())


@pytest.mark.parametrize("status", LoginStatus)
def test_an_account_can_have_every_status(beeper: Client, status: LoginStatus) -> None:
    beeper.control("login-status", accountId=WHATSAPP.account_id, status=status)
    accounts = {account["accountID"]: account for account in beeper.get("/v1/accounts").json()}
    changed = accounts.pop(WHATSAPP.account_id)
    assert changed["status"] == status
    assert changed["statusText"]
    assert {account["status"] for account in accounts.values()} == {"connected"}


@pytest.mark.parametrize(
    "body", [{"accountId": "nobody", "status": "connected"}, {"accountId": "discordgo", "status": "bored"}]
)
def test_an_unknown_account_or_status_is_refused(beeper: Client, body: dict[str, str]) -> None:
    assert beeper.control("login-status", **body).status_code == 400


@pytest.mark.parametrize("limit", [1, 7, 200])
def test_pages_of_contacts_have_each_contact_once(demo: DemoAccount, beeper: Client, limit: int) -> None:
    contacts = demo.account.contacts(WHATSAPP.account_id)
    assert contacts
    assert [contact["id"] for contact in _contacts(beeper, limit=limit)] == [person.id for person in contacts]


def test_contacts_are_the_people_of_the_chats_and_others_without_a_chat(
    demo: DemoAccount, beeper: Client
) -> None:
    chats = [chat for chat in demo.account.chats if chat.network is WHATSAPP]
    in_chats = {person.id for chat in chats for person in chat.people if not person.is_self}
    contacts = {contact["id"]: contact for contact in _contacts(beeper, limit=200)}
    assert in_chats < contacts.keys()
    without_chat = [contact for key, contact in contacts.items() if key not in in_chats]
    pictured = [contact for contact in without_chat if "imgURL" in contact]
    assert 0 < len(pictured) < len(without_chat)


def test_some_people_without_a_picture_in_chats_have_one_as_a_contact(demo: DemoAccount) -> None:
    without = {
        person.id
        for chat in demo.account.chats
        for person in chat.people
        if not (person.picture or person.is_self)
    }
    contacts = [
        contact
        for account in demo.account.logins()
        for contact in demo.account.contacts(str(account["accountID"])) or []
        if contact.id in without and contact.picture
    ]
    assert contacts
    for contact in contacts:
        assert contact.picture
        assert contact.picture.media
        assert demo.account.download(contact.picture.media)


def test_contacts_are_set_and_removed_from_outside(beeper: Client) -> None:
    person = {"id": "@whatsapp_new", "fullName": "Nova Nemo", "mediaId": "alex_Nova"}
    beeper.control("set-contact", accountId=WHATSAPP.account_id, person=person)
    shown = next(contact for contact in _contacts(beeper, limit=200) if contact["id"] == "@whatsapp_new")
    assert (shown["fullName"], shown["imgURL"]) == ("Nova Nemo", "mxc://local.beeper.com/alex_Nova")
    assert beeper.get("/v1/assets/serve", url=shown["imgURL"]).status_code == 200
    beeper.control("remove-contact", accountId=WHATSAPP.account_id, personId="@whatsapp_new")
    assert "@whatsapp_new" not in {contact["id"] for contact in _contacts(beeper, limit=200)}


@pytest.mark.parametrize(
    ("path", "parameters", "status"),
    [
        ("/v1/accounts/nobody/contacts/list", {}, 404),
        ("/v1/accounts/imessage/contacts/list", {}, 404),
        (CONTACTS, {"limit": 0}, 400),
        (CONTACTS, {"limit": 201}, 400),
        (CONTACTS, {"cursor": "nonsense"}, 400),
    ],
)
def test_invalid_requests_for_contacts_are_refused(
    beeper: Client, path: str, parameters: dict[str, Any], status: int
) -> None:
    assert beeper.get(path, **parameters).status_code == status
