"""Contacts from Dex and by hand get their pictures into the chats of a running stack, and out of them."""

import base64
import io
import json
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from PIL import Image

from demo.chats import Json
from demo.dex import FakeDex
from demo.listener import Listener
from demo.media import Media, Picture
from demo.people import WHATSAPP as BEEPERS_WHATSAPP
from demo.service import DemoAccount
from local.edge_server import EdgeServer
from local.edge_site import Site
from local.stack import local_stack
from tests.end_to_end.conftest import wait_until
from tests.integration.contacts_world import ADA, INSTAGRAM, SIGNAL, WHATSAPP, alone
from tests.integration.demo_chats import fill

pytestmark = pytest.mark.engine

ADMIN = "admin-token-of-this-test"
BOB = ["+49 170 7654321"]


def data_url(shade: int) -> str:
    """Returns a picture as a data URL. Another shade is another picture."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (shade, 80, 120)).save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


ADA_IN_DEX: Json = {
    "id": "ada",
    "first_name": "Ada",
    "image_url": data_url(10),
    "instagram": None,
    "phones": [{"phone_number": "020 7946 0958", "label": None}],
    "emails": None,
}


@dataclass
class Running:
    """A deployed stack with a made-up Beeper and Dex. Tests ask its API and invoke its functions."""

    demo: DemoAccount
    dex: FakeDex
    address: str = ""
    functions: Any = None
    outputs: Mapping[str, str] = field(default_factory=dict)

    def invoke(self, name: str) -> dict[str, Any]:
        """Invokes the function that this output of the stack names, and returns its report."""
        answer = self.functions.invoke(FunctionName=self.outputs[name], Payload=b"{}")
        report: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, report
        return report

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Returns the JSON of the API's answer to an admin."""
        request = urllib.request.Request(  # noqa: S310 - our own server
            self.address.rstrip("/") + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {ADMIN}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
            return json.load(answer)

    def faces(self) -> dict[int, tuple[str | None, str, str | None]]:
        """Returns number of the chat → whose picture it shows, the picture's status and its URL."""
        chats = self.ask("GET", "/api/chats")["chats"]
        return {
            int(chat["chatId"][1:2]): (image.get("source"), image["status"], image.get("url"))
            for chat in chats
            for image in [chat["image"]]
        }

    def wait_for(self, *numbers: int) -> set[str | None]:
        """Waits until exactly these chats show a contact's picture, and returns the pictures' URLs."""

        def holds() -> bool:
            faces = self.faces()
            with_contact = {number for number, face in faces.items() if face[:2] == ("contact", "cached")}
            other_statuses = {status for number, (_, status, _) in faces.items() if number not in numbers}
            return with_contact == set(numbers) and other_statuses <= {"none"}

        wait_until(holds, what=f"contacts' faces in {numbers}: {self.faces()}")
        return {url for _, status, url in self.faces().values() if status == "cached"}

    def contacts(self, source: str) -> list[Any]:
        """Returns the contacts of this source, page by page."""
        contacts: list[Any] = []
        cursor = ""
        while True:
            page = self.ask("GET", f"/api/contacts?source={source}{cursor}")
            contacts += page["contacts"]
            if page["nextCursor"] is None:
                return contacts
            cursor = f"&cursor={quote(page['nextCursor'])}"

    def sync_until_done(self, job_id: str) -> None:
        """Waits until a job is over. If another sync was running, which missed the change, runs one more."""
        job: dict[str, Any] = {}

        def is_over() -> bool:
            job.update(self.ask("GET", f"/api/jobs/{job_id}"))
            return job["status"] in {"done", "failed"}

        wait_until(is_over, what="the job is over")
        if job["result"].get("outcome") == "busy":
            wait_until(lambda: self.invoke("SyncFunction")["outcome"] == "ok", what="a sync")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    dex = FakeDex([ADA_IN_DEX], key="d3x", busy=2, retry_after="0")
    dex.people += [{"id": number, "first_name": f"Number {number}"} for number in range(120)]
    listener = Listener(0, dex)
    listener.start()
    with DemoAccount(scale=0.03) as demo:
        parameters = {
            "BeeperUrl": demo.beeper_url,
            "DexUrl": listener.url,
            "DexApiKeyParameter": "/imagecache/dex-api-key",
            "DefaultRegion": "GB",
        }
        secrets = {
            "beeper-token": demo.beeper_token,
            "dex-api-key": "d3x",
            "admin-token": ADMIN,
            "read-token": "read-token-of-this-test",
        }
        running = Running(demo, dex)
        with (
            local_stack(tmp_path, parameters=parameters, secrets=secrets) as stack,
            EdgeServer(0) as server,
            server.serving() as running.address,
        ):
            server.site = Site(stack)
            running.functions = boto3.client("lambda", **stack.engine.access)
            running.outputs = stack.outputs
            yield running
    listener.stop()


def test_chats_show_contacts_as_they_are_imported_changed_and_deleted(running: Running) -> None:
    bob = ADA.__class__("@bob:beeper.local", "Bob", phone_number="+491707654321")
    fill(running.demo, [alone(SIGNAL, ADA, 0), alone(WHATSAPP, bob, 1), alone(INSTAGRAM, bob, 2)])
    assert running.invoke("SyncFunction")["outcome"] == "ok"
    running.wait_for()

    report = running.invoke("ContactsFunction")
    assert (report["outcome"], report["read"], report["saved"]) == ("ok", 121, 121)
    assert running.dex.requests == 2 + 2, "two refusals, two pages"
    [ada] = running.wait_for(0)
    with urllib.request.urlopen(running.address.rstrip("/") + str(ada), timeout=30) as picture:  # noqa: S310 - our own server
        assert picture.headers["content-type"] == "image/webp"

    put = running.ask("PUT", "/api/contacts/bob", {"imageUrl": data_url(90), "identifiers": {"phone": BOB}})
    running.sync_until_done(put["jobId"])
    assert ada in running.wait_for(0, 1, 2)
    other = running.ask(
        "PUT", "/api/contacts/bob2", {"imageUrl": data_url(200), "identifiers": {"phone": BOB}}
    )
    assert [clash["heldBy"] for clash in other["contact"]["clashes"]] == ["bob"]
    running.sync_until_done(other["jobId"])
    with_bob = running.wait_for(0, 1, 2)
    running.sync_until_done(running.ask("DELETE", "/api/contacts/bob")["jobId"])
    wait_until(lambda: running.wait_for(0, 1, 2) != with_bob, what="the next claimant's face")
    linked = running.ask("GET", "/api/contacts/bob2")["linked"]
    assert sorted(member["chatId"] for member in linked) == ["!1:beeper.local", "!2:beeper.local"]

    del running.dex.people[0]
    assert running.invoke("ContactsFunction")["removed"] == 1
    running.wait_for(1, 2)

    picture_of_ada = Picture.remote(Media("local.beeper.com", "alex_contact"))
    running.demo.account.set_contact(BEEPERS_WHATSAPP.account_id, replace(ADA, picture=picture_of_ada))
    running.sync_until_done(running.ask("POST", "/api/sync", {"complete": True})["jobId"])
    running.wait_for(0, 1, 2)
    assert {contact["source"] for contact in running.contacts("beeper")} == {"beeper"}
    running.demo.account.set_login_status(BEEPERS_WHATSAPP.account_id, "reconnect_required")
    wait_until(lambda: running.invoke("SyncFunction")["outcome"] == "ok", what="a sync")
    [account] = [each for each in running.ask("GET", "/api/stats")["accounts"] if each["needsPerson"]]
    assert (account["accountId"], account["text"]) == (BEEPERS_WHATSAPP.account_id, "log in again")
