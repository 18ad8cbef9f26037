"""Contacts from the command line: what is sent, what is shown, and what a bad row does to an import."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.model.contact import IdentifierKind
from imagecache.rules.identifiers import WRITTEN_KINDS, identifier
from imagecache_cli.contact_columns import KINDS
from imagecache_cli.contact_files import read_contact_rows
from tests.cli.conftest import Command
from tests.cli.contract import CLASH, CONTACT, Json, synced
from tests.cli.fake_api import Answer, FakeApi

PUT: Json = {"contact": {**CONTACT, "clashes": []}, "jobId": None}
ACCEPTED = Answer(202, {"jobId": "job-1"})
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
NO_IDENTIFIER = (
    f"the row has no contactId and no identifier: give one of {', '.join(WRITTEN_KINDS)} or participantIds"
)


def ready(api: FakeApi) -> None:
    """Lets the API accept both contacts of CSV, and a sync."""
    for contact_id in ("ada", MADE_ID):
        api.answer(f"PUT /api/contacts/{contact_id}", PUT)
    api.answer("POST /api/sync", ACCEPTED)
    api.answer("GET /api/jobs/job-1", synced("ok"))


def write_file(folder: Path, text: str, name: str = "contacts.csv") -> str:
    """Returns the path of a file with this text."""
    file = folder / name
    file.write_bytes(text.encode())
    return str(file)


def test_contacts_are_rows_with_their_identifiers_and_clashes(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/contacts", {"contacts": [CONTACT], "nextCursor": None})
    assert (
        "ada Ada Lovelace manual cached instagram ada; phone +442079460958; by hand @ada:beeper.local "
        "phone +442079460958 belongs to Zoe"
    ) in imagecache("contacts", "list").words


def test_contacts_may_be_listed_by_their_source(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/contacts", {"contacts": [{**CONTACT, "source": "beeper"}], "nextCursor": None})
    words = imagecache("contacts", "list", "--source", "beeper").words
    assert api.requests[0].query == {"source": "beeper"}
    assert "phone +442079460958; member @ada:beeper.local" in words
    imagecache("contacts", "list")
    assert api.requests[1].query == {}


def test_an_import_of_a_list_of_all_contacts_leaves_out_those_from_beeper(
    api: FakeApi, imagecache: Command, tmp_path: Path
) -> None:
    ready(api)
    of_beeper = {**CONTACT, "contactId": "beeper:1:2", "source": "beeper"}
    listed = json.dumps({"contacts": [of_beeper, CONTACT], "nextCursor": None})
    ran = imagecache("contacts", "import", write_file(tmp_path, listed, "contacts.json"))
    assert ran.code == 0
    assert [route for route in api.routes() if route.startswith("PUT")] == ["PUT /api/contacts/ada"]


def test_one_contact_is_shown_with_the_members_it_is_linked_to(api: FakeApi, imagecache: Command) -> None:
    shown = {"chatId": "!c", "chatTitle": "Ada", "participantId": "@ada:beeper.local"}
    api.answer("GET /api/contacts/ada", {"contact": CONTACT, "linked": [shown], "moreLinked": True})
    words = imagecache("contacts", "show", "ada").words
    assert "clashes phone +442079460958 belongs to Zoe" in words
    assert "Ada @ada:beeper.local !c ... and in more chats" in words


def test_a_contact_is_put_and_its_sync_waited_for(api: FakeApi, imagecache: Command) -> None:
    api.answer("PUT /api/contacts/ada", {**PUT, "jobId": "job-1"})
    api.answer("GET /api/jobs/job-1", synced("offline"))
    options = ("--name", "Ada", "--phone", "+49 1", "--phone", "+49 2", "--participant", "@ada:beeper.local")
    ran = imagecache("contacts", "put", "ada", *options)
    assert (ran.code, ran.err) == (0, ""), "contacts are linked even though Beeper is offline"
    assert api.bodies("PUT /api/contacts/ada") == [
        {
            "fullName": "Ada",
            "identifiers": {"phone": ["+49 1", "+49 2"]},
            "participantIds": ["@ada:beeper.local"],
        }
    ]
    assert api.routes() == ["PUT /api/contacts/ada", "GET /api/jobs/job-1"]


def test_a_sync_that_is_already_running_is_mentioned(api: FakeApi, imagecache: Command) -> None:
    api.answer("DELETE /api/contacts/ada", {"contactId": "ada", "jobId": "job-1"})
    api.answer("GET /api/jobs/job-1", synced("busy"))
    ran = imagecache("contacts", "remove", "ada")
    assert (ran.code, ran.out) == (0, "removed\n")
    assert "after the next sync no chat shows the contact" in ran.err


@pytest.mark.parametrize("contact_id", ["a/b", "..%2f", "a?b", ""])
def test_an_id_that_would_lead_to_another_path_is_not_sent(
    api: FakeApi, imagecache: Command, contact_id: str
) -> None:
    assert imagecache("contacts", "remove", contact_id).code == 2
    assert api.requests == []


@pytest.mark.parametrize(
    "text",
    [CSV, "\ufeff" + CSV, CSV.replace(",Bob,,,", ",Bob,,,").replace("\n", "\r\n")],
    ids=["plain", "byte order mark", "Windows line ends"],
)
def test_a_file_is_put_row_by_row_and_one_sync_shows_it(
    api: FakeApi, imagecache: Command, tmp_path: Path, text: str
) -> None:
    ready(api)
    ran = imagecache("contacts", "import", write_file(tmp_path, text))
    assert (ran.code, ran.err) == (0, "")
    assert [request.body for request in api.requests[:2]] == BODIES
    puts = ["PUT /api/contacts/ada", f"PUT /api/contacts/{MADE_ID}"]
    assert api.routes() == [*puts, "POST /api/sync", "GET /api/jobs/job-1"]


def test_semicolons_and_json_are_the_same_contacts(api: FakeApi, imagecache: Command, tmp_path: Path) -> None:
    semicolons = "contactId;fullName;phone\nada;Ada, Countess;+49 1\n"
    objects = {
        "contacts": [{"contactId": "ada", "fullName": "Ada, Countess", "identifiers": {"phone": ["+49 1"]}}]
    }
    ready(api)
    imagecache("contacts", "import", write_file(tmp_path, semicolons))
    imagecache("contacts", "import", write_file(tmp_path, "\ufeff" + json.dumps(objects), "contacts.json"))
    body = {"fullName": "Ada, Countess", "identifiers": {"phone": ["+49 1"]}, "withoutSync": True}
    assert api.bodies("PUT /api/contacts/ada") == [body, body]


def test_a_row_that_is_refused_is_reported_and_the_others_are_put(
    api: FakeApi, imagecache: Command, tmp_path: Path
) -> None:
    ready(api)
    refused = Answer(400, {"message": "phone '12' is not valid", "code": "bad_request"})
    api.answer("PUT /api/contacts/ada", refused)
    api.answer(f"PUT /api/contacts/{MADE_ID}", {"contact": {**CONTACT, "clashes": [CLASH]}, "jobId": None})
    text = CSV + "ada,Again,,,+49 1,\n,Nobody,,,,\n,Also nobody,,,,\n"
    ran = imagecache("contacts", "import", write_file(tmp_path, text), "--json")
    assert ran.code == 1
    assert ran.document == {
        "rows": [
            {"row": 2, "contactId": "ada", "outcome": "phone '12' is not valid"},
            {"row": 3, "contactId": MADE_ID, "outcome": "stored, but phone +442079460958 belongs to Zoe"},
            {
                "row": 4,
                "contactId": "ada",
                "outcome": "row 2 has the same contactId: give this row another, or combine them",
            },
            {"row": 5, "contactId": "", "outcome": NO_IDENTIFIER},
            {"row": 6, "contactId": "", "outcome": NO_IDENTIFIER},
        ],
        "problems": 4,
        "dryRun": False,
    }


def test_a_refused_token_ends_the_import_at_once(api: FakeApi, read_only: Command, tmp_path: Path) -> None:
    ran = read_only("contacts", "import", write_file(tmp_path, CSV))
    assert (ran.code, len(api.requests)) == (2, 1)


def test_a_dry_run_sends_nothing_and_says_what_it_has_checked(
    api: FakeApi, imagecache: Command, tmp_path: Path
) -> None:
    ran = imagecache("contacts", "import", write_file(tmp_path, CSV), "--dry-run")
    assert (ran.code, api.requests) == (0, [])
    assert f"3 {MADE_ID} Bob no problem found" in ran.words
    assert "Checked: the contactIds, and the form of phone numbers and e-mail addresses" in ran.err


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("phone\nhello", "'hello' is not a valid phone number"),
        ("whatsapp\n+4", "'+4' is not a valid phone number"),
        ("email\nada at example.com", "'ada at example.com' is not a valid e-mail address"),
    ],
)
def test_a_dry_run_finds_the_same_bad_numbers_and_addresses_as_the_import(
    api: FakeApi, imagecache: Command, *, tmp_path: Path, options: list[str], fields: str, problem: str
) -> None:
    ran = imagecache("contacts", "import", write_file(tmp_path, fields), *options)
    assert (ran.code, api.requests) == (1, [])
    assert problem in ran.words


@pytest.mark.parametrize("kind", [IdentifierKind.WHATSAPP, IdentifierKind.PHONE, IdentifierKind.EMAIL])
@given(text=st.text(min_size=1, max_size=20) | st.from_regex(r"[0-9+ ()@a-z.;=-]{1,20}", fullmatch=True))
def test_only_what_the_api_refuses_is_a_problem(kind: IdentifierKind, text: str) -> None:
    """The API alone decides what is valid: the command must not refuse anything that it accepts."""
    with TemporaryDirectory() as folder:
        file = write_file(Path(folder), json.dumps([{"contactId": "ada", kind.value: [text]}]), "c.json")
        (row,) = read_contact_rows(Path(file))
    if row.problem:
        assert identifier(kind, text, region="GB") is None


def test_a_file_has_the_same_kinds_of_identifiers_as_the_api() -> None:
    """The two share no code."""
    assert KINDS == WRITTEN_KINDS


@pytest.mark.parametrize("kind", WRITTEN_KINDS)
def test_every_kind_of_identifier_has_an_option_of_put_and_a_column(
    api: FakeApi, imagecache: Command, tmp_path: Path, kind: str
) -> None:
    api.answer("PUT /api/contacts/ada", PUT)
    ran = imagecache("contacts", "put", "ada", f"--{kind}", "one", f"--{kind}", "two")
    assert (ran.code, ran.err) == (0, "")
    assert api.bodies("PUT /api/contacts/ada") == [{"identifiers": {kind: ["one", "two"]}}]
    (row,) = read_contact_rows(Path(write_file(tmp_path, f"{kind}\none|two\n")))
    assert row.identifiers[kind] == ["one", "two"]


USELESS = {
    "c.csv must begin with a line of column names": ("c.csv", ""),
    "d.csv must begin with a line of column names": ("d.csv", "a,b\n1,2\n"),
    "e.csv contains no contacts": ("e.csv", "phone,name\n"),
    "f.json is not JSON": ("f.json", "{"),
    "g.json must contain a list of contacts": ("g.json", '{"people": []}'),
}


@pytest.mark.parametrize("said", USELESS)
def test_an_unusable_file_is_named(api: FakeApi, imagecache: Command, tmp_path: Path, said: str) -> None:
    name, text = USELESS[said]
    ran = imagecache("contacts", "import", write_file(tmp_path, text, name))
    assert (ran.code, api.requests) == (2, [])
    assert ran.err.startswith(f"imagecache: {said}")


def test_a_file_that_does_not_exist_is_refused_with_the_reason(imagecache: Command, tmp_path: Path) -> None:
    absent = imagecache("contacts", "import", str(tmp_path / "none.csv"))

    assert absent.code == 2
    assert "none.csv cannot be opened (No such file or directory): check the path" in absent.err
