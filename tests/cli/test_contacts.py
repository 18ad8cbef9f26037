"""Contacts from the command line: what is sent, what is told, and that one bad row ends no import."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.contract import CLASH, CONTACT, Json, synced
from tests.cli.fake_api import FakeApi, Told

PUT: Json = {"contact": {**CONTACT, "clashes": []}, "jobId": None}
ACCEPTED = Told(202, {"jobId": "job-1"})
CSV = """\
contactId,Full Name,image URL,Instagram,phone,shoe size
ada,"Lovelace, Ada",https://pictures.example/ada.jpg,@ada,020 7946 0958|+49 170 1234567,38
,Bob,,,+49 170 7654321,
"""
BODIES = [
    {
        "fullName": "Lovelace, Ada",
        "imageUrl": "https://pictures.example/ada.jpg",
        "identifiers": {"instagram": ["@ada"], "phone": ["020 7946 0958", "+49 170 1234567"]},
        "withoutSync": True,
    },
    {"fullName": "Bob", "identifiers": {"phone": ["+49 170 7654321"]}, "withoutSync": True},
]
MADE_ID = "file:c17d5ce7a898d302"


def ready(api: FakeApi, *told: Told | Json) -> None:
    """Every row of the file gets the same answers."""
    for contact_id in ("ada", MADE_ID):
        api.answer(f"PUT /api/contacts/{contact_id}", *(told or [PUT]))
    api.answer("POST /api/sync", ACCEPTED)
    api.answer("GET /api/jobs/job-1", synced("ok"))


def written(folder: Path, text: str, name: str = "contacts.csv") -> str:
    file = folder / name
    file.write_bytes(text.encode())
    return str(file)


def test_contacts_are_rows_with_what_finds_them_and_whose_it_is(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/contacts", {"contacts": [CONTACT], "nextCursor": None})
    assert (
        "ada Ada Lovelace manual cached instagram ada; phone +442079460958; by hand @ada:beeper.local "
        "phone +442079460958 is Zoe's"
    ) in imagecache("contacts", "list").words


def test_one_contact_tells_for_whom_it_stands(api: FakeApi, imagecache: Command) -> None:
    shown = {"chatId": "!c", "chatTitle": "Ada", "participantId": "@ada:beeper.local"}
    api.answer("GET /api/contacts/ada", {"contact": CONTACT, "linked": [shown], "moreLinked": True})
    words = imagecache("contacts", "show", "ada").words
    assert "clashes phone +442079460958 is Zoe's" in words
    assert "Ada @ada:beeper.local !c ... and in more chats" in words


def test_a_contact_is_put_and_its_sync_waited_for(api: FakeApi, imagecache: Command) -> None:
    api.answer("PUT /api/contacts/ada", {**PUT, "jobId": "job-1"})
    api.answer("GET /api/jobs/job-1", synced("offline"))
    options = ("--name", "Ada", "--phone", "1", "--phone", "2", "--participant", "@ada:beeper.local")
    ran = imagecache("contacts", "put", "ada", *options)
    assert (ran.code, ran.err) == (0, ""), "contacts are linked though Beeper is away"
    assert api.bodies("PUT /api/contacts/ada") == [
        {"fullName": "Ada", "identifiers": {"phone": ["1", "2"]}, "participantIds": ["@ada:beeper.local"]}
    ]
    assert api.routes() == ["PUT /api/contacts/ada", "GET /api/jobs/job-1"]


def test_a_sync_that_runs_already_is_told(api: FakeApi, imagecache: Command) -> None:
    api.answer("DELETE /api/contacts/ada", {"contactId": "ada", "jobId": "job-1"})
    api.answer("GET /api/jobs/job-1", synced("busy"))
    ran = imagecache("contacts", "remove", "ada")
    assert (ran.code, ran.out) == (0, "removed\n")
    assert "the chats show the contacts after the next sync" in ran.err


@pytest.mark.parametrize("contact_id", ["a/b", "..%2f", "a?b", ""])
def test_an_id_that_leads_elsewhere_is_asked_of_nobody(
    api: FakeApi, imagecache: Command, contact_id: str
) -> None:
    assert imagecache("contacts", "remove", contact_id).code == 2
    assert api.asked == []


@pytest.mark.parametrize(
    "text",
    [CSV, "\ufeff" + CSV, CSV.replace(",Bob,,,", ",Bob,,,").replace("\n", "\r\n")],
    ids=["plain", "byte order mark", "of Windows"],
)
def test_a_file_is_put_row_by_row_and_one_sync_shows_it(
    api: FakeApi, imagecache: Command, tmp_path: Path, text: str
) -> None:
    ready(api)
    ran = imagecache("contacts", "import", written(tmp_path, text))
    assert (ran.code, ran.err) == (0, "")
    assert [one.body for one in api.asked[:2]] == BODIES
    puts = ["PUT /api/contacts/ada", f"PUT /api/contacts/{MADE_ID}"]
    assert api.routes() == [*puts, "POST /api/sync", "GET /api/jobs/job-1"]


def test_semicolons_and_json_are_the_same_contacts(api: FakeApi, imagecache: Command, tmp_path: Path) -> None:
    semicolons = "contactId;fullName;phone\nada;Ada, Countess;1\n"
    objects = {
        "contacts": [{"contactId": "ada", "fullName": "Ada, Countess", "identifiers": {"phone": ["1"]}}]
    }
    ready(api)
    imagecache("contacts", "import", written(tmp_path, semicolons))
    imagecache("contacts", "import", written(tmp_path, "\ufeff" + json.dumps(objects), "contacts.json"))
    body = {"fullName": "Ada, Countess", "identifiers": {"phone": ["1"]}, "withoutSync": True}
    assert api.bodies("PUT /api/contacts/ada") == [body, body]


def test_a_row_that_is_refused_is_reported_and_the_others_are_put(
    api: FakeApi, imagecache: Command, tmp_path: Path
) -> None:
    ready(api)
    refused = Told(400, {"message": "phone '12' is none", "code": "bad_request"})
    api.answer("PUT /api/contacts/ada", refused)
    api.answer(f"PUT /api/contacts/{MADE_ID}", {"contact": {**CONTACT, "clashes": [CLASH]}, "jobId": None})
    text = CSV + "ada,Again,,,1,\n,Nobody,,,,\n"
    ran = imagecache("contacts", "import", written(tmp_path, text), "--json")
    assert ran.code == 1
    assert ran.document == {
        "rows": [
            {"row": 2, "contactId": "ada", "outcome": "phone '12' is none"},
            {"row": 3, "contactId": MADE_ID, "outcome": "put, but phone +442079460958 is Zoe's"},
            {"row": 4, "contactId": "ada", "outcome": "the same contactId as row 2"},
            {"row": 5, "contactId": "", "outcome": "nothing to find this contact by"},
        ],
        "fine": 1,
        "dryRun": False,
    }


def test_a_refused_token_ends_the_import_at_once(api: FakeApi, read_only: Command, tmp_path: Path) -> None:
    ran = read_only("contacts", "import", written(tmp_path, CSV))
    assert (ran.code, len(api.asked)) == (2, 1)


def test_a_dry_run_asks_nobody(api: FakeApi, imagecache: Command, tmp_path: Path) -> None:
    ran = imagecache("contacts", "import", written(tmp_path, CSV), "--dry-run")
    assert (ran.code, api.asked) == (0, [])
    assert f"3 {MADE_ID} Bob fine" in ran.words


USELESS = {
    "c.csv must begin with a line of names": ("c.csv", ""),
    "d.csv must begin with a line of names": ("d.csv", "a,b\n1,2\n"),
    "e.csv holds no contacts": ("e.csv", "phone,name\n"),
    "f.json is no JSON": ("f.json", "{"),
    "g.json must hold a list of contacts": ("g.json", '{"people": []}'),
}


@pytest.mark.parametrize("said", USELESS)
def test_a_file_of_no_use_is_named(api: FakeApi, imagecache: Command, tmp_path: Path, said: str) -> None:
    name, text = USELESS[said]
    ran = imagecache("contacts", "import", written(tmp_path, text, name))
    assert (ran.code, api.asked) == (2, [])
    assert ran.err.startswith(f"imagecache: {said}")
