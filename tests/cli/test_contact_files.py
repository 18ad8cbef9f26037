"""Files of contacts are read as spreadsheets and address books write them, and a bad row harms no other."""

import base64
import io
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagecache_cli.contact_columns import column
from imagecache_cli.contact_files import ContactRow, read_contact_rows
from imagecache_cli.errors import SettingsError
from tests.cli.conftest import Command
from tests.cli.contract import CONTACT, synced
from tests.cli.fake_api import Answer, FakeApi

NUMBER = "+44 20 7946 0958"
GIVEN = Path(__file__).parents[1] / "fixtures" / "contacts"


def rows_of(folder: Path, content: str | bytes, name: str = "contacts.csv") -> list[ContactRow]:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_contact_rows(file)


def shown(row: ContactRow) -> tuple[str | None, list[str], list[str]]:
    """Returns the name, the phone numbers and the addresses of a row that has no problem."""
    assert row.problem == ""
    return row.full_name, row.identifiers["phone"], row.identifiers["email"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("FF-in-a-name.csv", [("Ada\fLovelace", [NUMBER], [])]),
        ("U+2028-in-a-name.csv", [("Ada\u2028Lovelace", [NUMBER], [])]),
        ("bom.csv", [("Ada", [NUMBER], [])]),
        ("excel-float.csv", [("Ada", ["442079460958"], [])]),
        ("google-headers.csv", [("Ada", [NUMBER], ["ada@example.com"])]),
        ("json-both-names.json", [("Ada", ["+442079460958"], [])]),
        ("name-and-full-name.csv", [("Ada Lovelace", [NUMBER], [])]),
        ("sep-hint.csv", [("Ada", [NUMBER], [])]),
        (
            "two-email-columns.csv",
            [("Ada", [], ["ada@example.com"]), ("Bob", [], ["bob@example.com", "bob@work.example"])],
        ),
    ],
)
def test_a_reported_file_is_read(name: str, expected: list[tuple[str, list[str], list[str]]]) -> None:
    assert [shown(row) for row in read_contact_rows(GIVEN / name)] == expected


def test_a_field_of_any_length_is_a_problem_of_its_row_alone(
    api: FakeApi, imagecache: Command, tmp_path: Path
) -> None:
    url = "data:image/png;base64," + "A" * 70_000
    long_text = "x" * 200_000
    file = tmp_path / "long.csv"
    file.write_text(
        f'contactId,phone,imageUrl,notes\nada,+44 1,"{url}",\nbob,+44 2,,\neve,+44 4,,{long_text}\n'
        "cleo,+44 3,,\n"
    )
    for contact_id in ("bob", "cleo"):
        api.answer(f"PUT /api/contacts/{contact_id}", {"contact": {**CONTACT, "clashes": []}, "jobId": None})
    api.answer("POST /api/sync", Answer(202, {"jobId": "job-1"}))
    api.answer("GET /api/jobs/job-1", synced("ok"))
    ran = imagecache("contacts", "import", str(file), "--json")
    assert ran.code == 1
    assert [row["outcome"] for row in ran.document["rows"]] == [
        "imageUrl has 70,022 characters, and at most 65,536 are accepted: shorten it",
        "stored",
        "cell 4 has 200,000 characters, and at most 131,072 are read: shorten it",
        "stored",
    ]


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\v", "\f", "\x1c", "\x1d", "\x1e"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_only_cr_and_lf_end_a_row(tmp_path: Path, mark: str, ending: str) -> None:
    text = ending.join(["fullName,phone", f"Ada{mark}Lovelace,{NUMBER}", f"Bob,{NUMBER}1", ""])
    assert [row.full_name for row in rows_of(tmp_path, text)] == [f"Ada{mark}Lovelace", "Bob"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "start", ["", "\r\n", "{0}{0}\r\n", "sep={0}\r\n", '"sep={0}"\r\n', "\r\nsep={0}\r\n"]
)
def test_every_start_delimiter_and_encoding_of_a_spreadsheet_is_read(
    tmp_path: Path, start: str, delimiter: str, encoding: str
) -> None:
    lines = ["Name|Phone 1|Phone 2|E-mail", "José Müller|+44 1|+44 2|jose@example.com", ""]
    text = start.format(delimiter) + "\r\n".join(lines).replace("|", delimiter)
    (row,) = rows_of(tmp_path, text.encode(encoding))
    assert shown(row) == ("José Müller", ["+44 1", "+44 2"], ["jose@example.com"])


def test_a_stray_byte_does_not_change_the_letters_of_other_rows(tmp_path: Path) -> None:
    content = "name,phone\nJosé,+44 1\n".encode() + "Müller,+44 2\n".encode("cp1252")
    assert [row.full_name for row in rows_of(tmp_path, content)] == ["José", "Müller"]


def test_a_workbook_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="save the contacts as CSV first"):
        rows_of(tmp_path, b"PK\x03\x04\x14\0", "contacts.xlsx")


GOOGLE_OLD = (
    "Name,Given Name,Family Name,E-mail 1 - Type,E-mail 1 - Value,E-mail 2 - Type,E-mail 2 - Value,"
    "Phone 1 - Type,Phone 1 - Value,Phone 2 - Type,Phone 2 - Value,Website 1 - Value\n"
    "Ada King,Ada,King,* Home,a@x.org ::: b@x.org,Work,c@x.org,Mobile,+44 1 ::: +44 2,Home,,https://x.org\n"
)
GOOGLE_NEW = (
    "First Name,Middle Name,Last Name,Phonetic First Name,Nickname,File As,Organization Name,Notes,Photo,"
    "Labels,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value\n"
    "Ada,,King,,,,Engines,,https://x.org/a.jpg,* myContacts,* Work,a@x.org,Mobile,+44 1 ::: +44 2\n"
)
OUTLOOK = (
    '"Title","First Name","Middle Name","Last Name","Suffix","Company","Business Fax","Business Phone",'
    '"Business Phone 2","Company Main Phone","Home Phone","Mobile Phone","Assistant\'s Phone",'
    '"E-mail Address","E-mail Type","E-mail Display Name","E-mail 2 Address","E-mail 2 Type"\r\n'
    '"","Ada","","King","","Engines","+44 9","+44 1","","+44 8","","+44 2","+44 7",'
    '"a@x.org","SMTP","Ada King (a@x.org)","c@x.org","SMTP"\r\n'
)


@pytest.mark.parametrize(
    ("text", "emails"),
    [
        (GOOGLE_OLD, ["a@x.org", "b@x.org", "c@x.org"]),
        (GOOGLE_NEW, ["a@x.org"]),
        (OUTLOOK, ["a@x.org", "c@x.org"]),
    ],
    ids=["Google until 2024", "Google", "Outlook"],
)
def test_the_columns_of_address_books_are_known(tmp_path: Path, text: str, emails: list[str]) -> None:
    (row,) = rows_of(tmp_path, text)
    assert shown(row) == ("Ada King", ["+44 1", "+44 2"], emails)


@pytest.mark.parametrize(
    ("names", "meaning"),
    [
        (("Mobile", "Cell Phone", "Home Phone 2", "Phone Number", "Signal", "Tel.", "Telephone"), "phone"),
        (("Email", "E-Mail-Adresse", "Primary Email", "E-mail 3 Address", "Mail"), "email"),
        (("WhatsApp Number", "whatsapp_phone"), "whatsapp"),
        (("Instagram handle", "Instagram URL", "Instagram 1 - Value"), "instagram"),
        (("Photo", "Profile Picture URL", "avatar"), "imageUrl"),
        (
            (
                "Home Fax",
                "Pager",
                "Company Main Phone",
                "Assistant's Phone",
                "Phone 1 - Label",
                "E-mail Type",
                "E-mail 2 Display Name",
                "Phonetic Last Name",
                "",
            ),
            "",
        ),
    ],
)
def test_a_column_has_a_meaning_by_its_name(names: tuple[str, ...], meaning: str) -> None:
    assert {column(name) for name in names} == {meaning}


@given(
    st.lists(st.sampled_from(["", " ", "a@x.org", "b@x.org"]), min_size=1, max_size=5),
    st.lists(st.sampled_from(["", "Ada"]), min_size=1, max_size=3),
)
def test_all_values_of_columns_of_one_meaning_count_and_empty_ones_do_not(
    tmp_path_factory: pytest.TempPathFactory, emails: list[str], names: list[str]
) -> None:
    header = [f"E-mail {index + 1}" for index in range(len(emails))]
    header += ["Name", "Full Name", "Display Name"][: len(names)]
    text = f"id,{','.join(header)}\nada,{','.join(emails + names)}\n"
    folder = tmp_path_factory.getbasetemp()
    (row,) = rows_of(folder, text, "columns.csv")
    expected = list(dict.fromkeys(email for email in emails if email.strip()))
    assert (row.full_name, row.identifiers["email"]) == ("Ada" if any(names) else None, expected)
    values = json.dumps([{"id": "ada", "emails": emails, "email": "", "name": names[0], "fullName": None}])
    (row,) = rows_of(folder, values, "columns.json")
    assert (row.full_name, row.identifiers["email"]) == (names[0] or None, expected)


@pytest.mark.parametrize(
    ("cell", "phone"),
    [
        ("491701234567.0", "491701234567"),
        ("491701234567.00", "491701234567"),
        ("'+49 170 1234567", "+49 170 1234567"),
        ('"=""+49 170 1234567"""', "+49 170 1234567"),
        ("4.91701234567E+11", "4.91701234567E+11"),  # complete: the API reads it
    ],
)
def test_the_notations_of_a_spreadsheet_are_the_number(tmp_path: Path, cell: str, phone: str) -> None:
    (row,) = rows_of(tmp_path, f"phone\n{cell}\n")
    assert shown(row) == (None, [phone], [])


@pytest.mark.parametrize("text", ["4.42E11", "4.42E+11", "4,42E+11", "4.9170123E+11", "4E11"])
@pytest.mark.parametrize("kind", ["phone", "whatsapp"])
def test_a_rounded_number_is_refused_by_name(tmp_path: Path, text: str, kind: str) -> None:
    bad, good = rows_of(tmp_path, f"{kind};name\n{text};Ada\n+44 1234;Bob\n")
    assert f"{text!r} is not a valid phone number: a spreadsheet has rounded it" in bad.problem
    assert good.problem == ""


def test_numbers_in_json_without_quotation_marks_are_numbers(tmp_path: Path) -> None:
    first, second = rows_of(
        tmp_path,
        '[{"phone": 442079460958, "id": 1}, {"phone": [442079460959.0, true, {}], "id": 2}]',
        "c.json",
    )
    assert (shown(first)[1], shown(second)[1]) == (["442079460958"], ["442079460959"])


@pytest.mark.parametrize("bad", ['Eve,"+44 9', '"Eve,+44 9', '"'])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_quotation_mark_without_its_end_harms_its_own_row_only(
    tmp_path: Path, bad: str, place: int
) -> None:
    lines = ["Ada,+44 1", 'Bob,"+44 2"']
    lines.insert(place, bad)
    rows = rows_of(tmp_path, "\n".join(["name,phone", *lines, ""]))
    assert [row.full_name for row in rows if not row.problem] == ["Ada", "Bob"]
    assert "quotation mark" in next(row.problem for row in rows if row.problem)


def test_a_blank_before_a_quotation_mark_is_no_part_of_the_value(tmp_path: Path) -> None:
    text = f'phone, name, email\n"{NUMBER}", "Lovelace, Ada", "ada@x.org"\n+44 2, Bob,  \n'
    rows = rows_of(tmp_path, text)
    assert [shown(row) for row in rows] == [
        ("Lovelace, Ada", [NUMBER], ["ada@x.org"]),
        ("Bob", ["+44 2"], []),
    ]


def test_a_space_may_be_the_delimiter(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, "sep= \nname phone\nAda +4412\n")
    assert shown(row) == ("Ada", ["+4412"], [])


def test_an_id_that_would_be_another_path_is_a_problem_of_its_row(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "id,phone\n..,+44 1\n.,+44 2\nada,+44 3\n")
    assert [bool(row.problem) for row in rows] == [True, True, False]


def card(*lines: str, version: str = "3.0") -> str:
    return "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""])


def photo(side: int) -> bytes:
    """Returns a JPEG that hardly compresses."""
    file = io.BytesIO()
    noise = random.Random(1).randbytes(side * side * 3)
    Image.frombytes("RGB", (side, side), noise).save(file, "JPEG", quality=90)
    return file.getvalue()


def folded(line: str) -> str:
    return "\r\n ".join(line[start : start + 74] for start in range(0, len(line), 74))


SMALL = base64.b64encode(photo(16)).decode()
SMALL_URL = f"data:image/jpeg;base64,{SMALL}"


@pytest.mark.parametrize(
    "lines",
    [
        (folded(f"PHOTO;ENCODING=b;TYPE=JPEG:{SMALL}"),),
        (folded(f"PHOTO;X-ABCROP-RECTANGLE=ABClipRect_1&0&0&9&9&x==;ENCODING=b;TYPE=JPEG:{SMALL}"),),
        (folded(f"item1.PHOTO;ENCODING=BASE64;JPEG:{SMALL}"), ""),
        (folded(f"PHOTO:{SMALL_URL}"),),
        (folded("PHOTO:" + SMALL_URL.replace(";", "\\;").replace(",", "\\,")),),
        (folded(f'PHOTO;MEDIATYPE="image/jpeg":{SMALL_URL}'),),
        (f"PHOTO:{SMALL_URL}", "PHOTO:https://x.org/b.jpg"),
    ],
)
def test_the_photo_of_a_card_is_a_data_url(tmp_path: Path, lines: tuple[str, ...]) -> None:
    (row,) = rows_of(tmp_path, card("FN:Ada", f"TEL:{NUMBER}", *lines), "ada.vcf")
    assert (row.problem, row.image_url, row.identifiers["phone"]) == ("", SMALL_URL, [NUMBER])


@pytest.mark.parametrize("line", ["PHOTO;VALUE=URI:https://x.org/a.jpg", "PHOTO:https://x.org/a.jpg"])
def test_the_photo_of_a_card_may_be_a_url(tmp_path: Path, line: str) -> None:
    (row,) = rows_of(tmp_path, card("FN:Ada", f"TEL:{NUMBER}", line), "ada.vcf")
    assert row.image_url == "https://x.org/a.jpg"


def test_a_large_photo_is_made_as_small_as_the_api_accepts(tmp_path: Path) -> None:
    large = base64.b64encode(photo(900)).decode()
    (row,) = rows_of(tmp_path, card("FN:Ada", f"TEL:{NUMBER}", f"PHOTO;ENCODING=b:{large}"), "ada.vcf")
    assert row.problem == ""
    assert row.image_url is not None
    assert len(row.image_url) <= 65_536
    with Image.open(io.BytesIO(base64.b64decode(row.image_url.partition(",")[2]))) as picture:
        assert picture.width == picture.height >= 256


@pytest.mark.parametrize("data", ["A", "", base64.b64encode(b"no picture" * 10_000).decode()])
def test_a_damaged_photo_is_a_problem_of_its_card_only(tmp_path: Path, data: str) -> None:
    text = card("FN:Ada", "TEL:+44 12", f"PHOTO;ENCODING=b:{data}") + card("FN:Bob", "TEL:+44 34")
    ada, bob = rows_of(tmp_path, text, "c.vcf")
    assert "the photo" in ada.problem
    assert shown(bob) == ("Bob", ["+44 34"], [])


def test_cards_of_every_version_and_program_are_contacts(tmp_path: Path) -> None:
    apple = card(
        "N:King;Ada;;;",
        "FN:Ada King\\, Countess",
        "item1.EMAIL;type=INTERNET;type=pref:a@x.org",
        "item1.X-ABLabel:_$!<HomePage>!$_",
        "TEL;type=CELL;type=VOICE;type=pref:+44 1 23",
        "TEL;type=HOME;type=FAX:+44 9 99",
        "X-SOCIALPROFILE;type=instagram;x-user=ada.l:https://www.instagram.com/ada.l",
        "IMPP;X-SERVICE-TYPE=WhatsApp;type=pref:x-apple:+44123",
    )
    google = card(
        "FN:", "N:Müller;José;;;", "TEL;TYPE=CELL:+44 2 34", folded("NOTE:" + "ü" * 90), "EMAIL:b@x.org"
    )
    fourth = card(
        "FN:Zoë", 'TEL;VALUE=uri;TYPE="voice,cell":tel:+44-3-45', "EMAIL:mailto:c@x.org", version="4.0"
    )
    outlook = card(
        "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:L=C3=B3pez;Lu=\r\n=C3=ADs",
        "TEL;CELL;VOICE:+44 4 56",
        "AGENT:",
        "BEGIN:VCARD",
        "TEL:+44 8 88",
        "END:VCARD",
        "EMAIL;PREF;INTERNET:d@x.org",
        version="2.1",
    )
    rows = rows_of(tmp_path, apple + google + fourth + outlook, "all.vcf")
    assert [shown(row) for row in rows] == [
        ("Ada King, Countess", ["+44 1 23"], ["a@x.org"]),
        ("José Müller", ["+44 2 34"], ["b@x.org"]),
        ("Zoë", ["tel:+44-3-45"], ["mailto:c@x.org"]),
        ("Luís López", ["+44 4 56"], ["d@x.org"]),
    ]
    assert (rows[0].identifiers["instagram"], rows[0].identifiers["whatsapp"]) == (["ada.l"], ["+44123"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_cards_are_read_in_every_encoding_and_by_their_first_line(tmp_path: Path, encoding: str) -> None:
    (row,) = rows_of(tmp_path, card("FN:José", "TEL:+44 12").encode(encoding), "cards.txt")
    assert row.full_name == "José"


def test_a_card_without_its_end_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    cut = "BEGIN:VCARD\r\nFN:Eve\r\nTEL:+44 9\r\n"
    rows = rows_of(tmp_path, cut + card("FN:Ada", "TEL:+44 12") + cut, "c.vcf")
    assert [(row.number, row.full_name, "END:VCARD" in row.problem) for row in rows] == [
        (1, "Eve", True),
        (2, "Ada", False),
        (3, "Eve", True),
    ]


@pytest.mark.parametrize("mark", ["\ufeff", "\x1a", "\x1a\ufeff"])
def test_cards_of_files_that_were_joined_are_all_read(tmp_path: Path, mark: str) -> None:
    """Each of the files may have had a byte order mark, and Windows' `copy` writes an end mark."""
    text = mark.join(["", card("FN:Ada", "TEL:+44 12"), card("FN:Bob", "TEL:+44 34"), ""])
    rows = rows_of(tmp_path, text, "all.vcf")
    assert [shown(row) for row in rows] == [("Ada", ["+44 12"], []), ("Bob", ["+44 34"], [])]


def test_a_line_of_quoted_printable_may_continue_with_a_space(tmp_path: Path) -> None:
    name = "FN;ENCODING=QUOTED-PRINTABLE:Ada=\r\n King,=\r\n\tCountess"
    (row,) = rows_of(tmp_path, card(name, "TEL:+44 12", version="2.1"), "ada.vcf")
    assert row.full_name == "Ada King,\tCountess"


@given(st.binary(max_size=300) | st.text('BEGINVCARD:;=\r\n ,"PHOTO', max_size=300).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    for name in ("any.csv", "any.vcf", "any.json"):
        try:
            rows = rows_of(tmp_path_factory.getbasetemp(), content, name)
        except SettingsError:
            continue
        assert rows


def test_a_file_that_never_ends_is_refused_with_the_reason() -> None:
    with pytest.raises(SettingsError, match="zero is larger than 256 MB: divide it into smaller files"):
        read_contact_rows(Path("/dev/zero"))
