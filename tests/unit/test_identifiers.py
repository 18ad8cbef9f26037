"""An identifier has one normal form, however it is written, and every kind is described to people."""

from dataclasses import replace
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagecache.api import contact_shapes
from imagecache.model.chat import Participant
from imagecache.model.contact import Identifier, IdentifierKind
from imagecache.rules.identifiers import (
    RULES,
    WRITTEN_KINDS,
    describe_invalid,
    identifier,
    identifiers_of,
)
from tests.integration.made import person

INSTAGRAM, WHATSAPP, PHONE, EMAIL = (
    IdentifierKind.INSTAGRAM,
    IdentifierKind.WHATSAPP,
    IdentifierKind.PHONE,
    IdentifierKind.EMAIL,
)
NOTATIONS = [
    phonenumbers.PhoneNumberFormat.E164,
    phonenumbers.PhoneNumberFormat.INTERNATIONAL,
    phonenumbers.PhoneNumberFormat.NATIONAL,
    phonenumbers.PhoneNumberFormat.RFC3966,
]
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789._", min_size=1, max_size=30)
regions = st.sampled_from(["GB", "AU", "US", "DE", "BR"])


def value(kind: IdentifierKind, text: str, region: str = "GB") -> str | None:
    found = identifier(kind, text, region=region)
    return found.value if found else None


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (INSTAGRAM, "@Ada.Lovelace", "ada.lovelace"),
        (INSTAGRAM, " https://www.instagram.com/Ada.Lovelace/?hl=en ", "ada.lovelace"),
        (INSTAGRAM, "instagram.com/ada", "ada"),
        (INSTAGRAM, "Ada Lovelace", None),
        (INSTAGRAM, "@", None),
        (INSTAGRAM, "https://m.instagram.com/ada", "ada"),
        (INSTAGRAM, "https://de-de.instagram.com/Ada#top", "ada"),
        (INSTAGRAM, "https://www.instagram.com/_u/ada/", "ada"),
        (INSTAGRAM, "http://instagram.com/_n/ada", "ada"),
        (INSTAGRAM, "https://instagram.com/stories/ada/123/", "ada"),
        (INSTAGRAM, "https://instagram.com/ada/p/C1/?igsh=x", "ada"),
        (INSTAGRAM, "https://ig.me/m/ada", "ada"),
        (INSTAGRAM, "instagram://user?username=ada", "ada"),
        (INSTAGRAM, "\u200e@\u200bada\ufeff", "ada"),
        (INSTAGRAM, "https://example.com/ada", None),
        (INSTAGRAM, "https://www.instagram.com/", None),
        (IdentifierKind.PARTICIPANT, "é" * 512, "é" * 512),
        (IdentifierKind.PARTICIPANT, "é" * 513, None),  # longer than a member's key can be
        (IdentifierKind.PARTICIPANT, "", None),
        (PHONE, "+44 20 7946 0958", "+442079460958"),
        (PHONE, "020-7946-0958", "+442079460958"),
        (PHONE, "(020) 7946 0958", "+442079460958"),
        (PHONE, "0044 20 7946 0958", "+442079460958"),
        (PHONE, "tel:+44-20-7946-0958", "+442079460958"),
        (PHONE, "+49 170 1234567", "+491701234567"),
        (PHONE, "\u202a+49 170\u200b 1234567\u202c", "+491701234567"),
        (PHONE, "491701234567.0", "+491701234567"),
        (PHONE, "491701234567,00", "+491701234567"),
        (PHONE, "442079460958.0", "+442079460958"),
        (PHONE, "4.42079460958E+11", "+442079460958"),
        (PHONE, "4.42E11", None),
        (PHONE, "4,42E+11", None),
        (PHONE, "12", None),
        (PHONE, "ask Ada", None),
        (PHONE, "", None),
        (WHATSAPP, "442079460958", "+442079460958"),
        (WHATSAPP, "020 7946 0958", "+442079460958"),
        (WHATSAPP, "+442079460958", "+442079460958"),
        (EMAIL, " Ada@Example.COM ", "ada@example.com"),
        (WHATSAPP, "https://wa.me/491701234567", "+491701234567"),
        (WHATSAPP, "https://api.whatsapp.com/send?phone=491701234567&text=hi", "+491701234567"),
        (WHATSAPP, "491701234567@s.whatsapp.net", "+491701234567"),
        (WHATSAPP, "whatsapp:+491701234567", "+491701234567"),
        (EMAIL, "mailto:ada@example.com", "ada@example.com"),
        (EMAIL, "MAILTO:%61da@example.com?subject=Hi", "ada@example.com"),
        (EMAIL, "<ada@example.com>", "ada@example.com"),
        (EMAIL, "Ada Lovelace <mailto:ada@example.com>", "ada@example.com"),
        (EMAIL, "ada\u200b@example.com\u2060", "ada@example.com"),
        (EMAIL, "ada@example.com, bob@example.com", None),
        (EMAIL, "ada", None),
        (EMAIL, "ada @example.com", None),
    ],
)
def test_every_notation_has_the_same_normal_form(
    kind: IdentifierKind, text: str, expected: str | None
) -> None:
    assert value(kind, text) == expected


def test_a_number_without_a_country_code_belongs_to_the_region() -> None:
    assert value(PHONE, "0412 345 678", "AU") == "+61412345678"
    assert value(PHONE, "(201) 555-0100", "US") == "+12015550100"


@pytest.mark.parametrize("kind", [PHONE, WHATSAPP])
@pytest.mark.parametrize(
    ("region", "text", "expected"),
    [
        ("US", "201-555-0123", "+12015550123"),
        ("US", "2015550123", "+12015550123"),
        ("ES", "612345678", "+34612345678"),
        ("IN", "9876543210", "+919876543210"),
        ("MX", "5512345678", "+525512345678"),
        ("BR", "11987654321", "+5511987654321"),
        ("PL", "512345678", "+48512345678"),
        ("CO", "3001234567", "+573001234567"),
        ("SG", "81234567", "+6581234567"),
        ("CN", "13812345678", "+8613812345678"),
        ("RU", "8 916 123-45-67", "+79161234567"),
        ("IT", "06 12345678", "+390612345678"),
        # A number that has its country code, although it has no plus.
        ("US", "491701234567", "+491701234567"),
        ("DE", "447911123456", "+447911123456"),
        ("DE", "4930123456", "+4930123456"),
        ("US", "0044 20 7946 0958", "+442079460958"),
    ],
)
def test_a_number_of_every_kind_without_a_plus_belongs_to_the_region_if_it_can(
    kind: IdentifierKind, region: str, text: str, expected: str
) -> None:
    assert value(kind, text, region) == expected


@pytest.mark.parametrize("kind", [PHONE, WHATSAPP])
@pytest.mark.parametrize(
    ("region", "text"),
    [
        ("US", "555-0123"),
        ("BR", "8765-4321"),
        ("BR", "98765-4321"),
        ("AR", "4123-4567"),
        ("MX", "1234 5678"),
        ("AU", "9876 5432"),
        ("GB", "7946 0958"),
    ],
)
def test_a_number_without_its_area_is_not_valid(kind: IdentifierKind, region: str, text: str) -> None:
    """Each area may have a subscriber with this number, so it would link different people."""
    assert value(kind, text, region) is None


def test_a_short_number_is_valid_with_its_country_code() -> None:
    assert value(PHONE, "+1 555-0123", "US") == "+15550123"


def test_a_number_of_a_country_that_has_no_area_is_valid_although_it_is_short() -> None:
    assert value(PHONE, "4004-1234", "BR") == "+5540041234"


@pytest.mark.parametrize("region", ["DE", "US", "BR", "MX", "AR"])
@pytest.mark.parametrize(
    "forms",
    [
        ("+55 11 98765-4321", "+55 11 8765-4321", "+551187654321", "+55 (11) 9 8765 4321"),
        ("+55 85 96123-4567", "+558561234567"),
        (
            "+52 55 1234 5678",
            "+5215512345678",
            "+52 1 55 1234 5678",
            "+52 044 55 1234 5678",
            "+52 01 55 12345678",
        ),
        ("+54 9 11 2345-6789", "+541123456789", "+54 11 15 2345-6789", "+5491123456789"),
        ("+54 9 351 512-3456", "+543515123456", "+54 351 15 512-3456"),
        ("+229 01 97 12 34 56", "+22997123456"),
        ("+225 07 07 07 07 07", "+22507070707"),
        ("+225 05 45 07 07 07", "+22545070707"),
        ("+237 6 71 23 45 67", "+23771234567"),
    ],
)
def test_the_earlier_and_the_present_form_of_a_number_are_one_person(
    forms: tuple[str, ...], region: str
) -> None:
    assert len({value(kind, form, region) for kind in (PHONE, WHATSAPP) for form in forms}) == 1


@pytest.mark.parametrize(
    ("region", "forms"),
    [
        ("BR", ("(11) 98765-4321", "11 8765-4321", "0 15 11 98765-4321", "+551187654321")),
        ("MX", ("55 1234 5678", "044 55 1234 5678", "01 55 1234 5678", "1 55 1234 5678", "+5215512345678")),
        ("AR", ("11 2345-6789", "011 15 2345-6789", "+5491123456789")),
    ],
)
def test_the_forms_of_a_number_at_home_are_one_person(region: str, forms: tuple[str, ...]) -> None:
    assert len({value(kind, form, region) for kind in (PHONE, WHATSAPP) for form in forms}) == 1


@pytest.mark.parametrize(
    "kind", [phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]
)
def test_the_example_of_every_country_has_one_key_in_every_notation(kind: int) -> None:
    for region in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            continue
        e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        keys = {value(PHONE, e164, other) for other in ("US", "DE", region)}
        keys |= {value(PHONE, phonenumbers.format_number(example, each), region) for each in NOTATIONS}
        keys |= {value(WHATSAPP, e164.removeprefix("+"), region), value(PHONE, f"00{e164[1:]}", "DE")}
        assert len(keys) == 1, (region, keys)
        assert None not in keys, region


def test_a_fixed_line_keeps_its_digits() -> None:
    assert value(PHONE, "+55 11 3765-4321") == "+551137654321"
    assert value(PHONE, "+52 222 123 4567") == "+522221234567"


@settings(max_examples=25)
@given(
    st.sampled_from("6789"), st.from_regex(r"[0-9]{7}", fullmatch=True), st.sampled_from(["11", "21", "85"])
)
def test_beepers_form_of_a_brazilian_number_is_that_of_the_address_book(
    first: str, rest: str, area: str
) -> None:
    member = somebody("@whatsapp_1:s", phone_number=f"55{area}{first}{rest}")
    in_whatsapp = identifiers_of(member, network="WhatsApp", region="US")
    in_book = value(PHONE, f"+55 {area} 9{first}{rest}")
    assert {each.value for each in in_whatsapp[1:]} == {in_book}


@given(
    st.sampled_from(
        [(52, ""), (52, "1"), (54, ""), (54, "9"), (55, ""), (225, ""), (229, ""), (229, "01"), (237, "")]
    ),
    st.from_regex(r"[0-9]{8,11}", fullmatch=True),
)
def test_a_key_of_a_country_with_two_forms_is_its_own_key(country: tuple[int, str], digits: str) -> None:
    once = value(PHONE, f"+{country[0]}{country[1]}{digits}")
    assert once is None or value(PHONE, once) == once


def test_a_refused_text_is_named_with_what_to_do() -> None:
    post = describe_invalid(INSTAGRAM, "https://www.instagram.com/p/C1/", region="GB")
    assert post.startswith("'https://www.instagram.com/p/C1/' is not a valid Instagram user name: ")
    assert "address of a post" in post
    assert "a spreadsheet has rounded it" in describe_invalid(PHONE, "4.42E11", region="GB")
    assert "include the country code" in describe_invalid(PHONE, "ask Ada", region="GB")


@pytest.mark.parametrize("kind", [PHONE, WHATSAPP])
def test_without_a_region_only_numbers_with_a_country_code_are_accepted(kind: IdentifierKind) -> None:
    assert value(kind, "+49 170 1234567", "") == "+491701234567"
    for text in ("0170 1234567", "2015550123", "491701234567"):
        assert value(kind, text, "") is None
        assert "write it like +44 20 7946 0958, or set DefaultRegion" in describe_invalid(
            kind, text, region=""
        )


def test_a_number_from_whatsapp_has_its_country_code_in_every_region() -> None:
    member = somebody("@whatsapp_1:s", phone_number="2015550123")
    egyptian = {each.value for each in identifiers_of(member, network="WhatsApp", region="US")[1:]}
    assert egyptian == {"+2015550123"}


@given(names, st.booleans(), st.booleans())
def test_instagram_names_ignore_case_and_at(name: str, at: bool, upper: bool) -> None:
    written = ("@" if at else "") + (name.upper() if upper else name)
    assert value(INSTAGRAM, written) == name


@given(regions, st.sampled_from(NOTATIONS), st.sampled_from([" ", "-", ".", "  "]))
def test_a_phone_number_is_the_same_in_every_notation(region: str, notation: int, gap: str) -> None:
    example = phonenumbers.example_number(region)
    assert example is not None
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    written = phonenumbers.format_number(example, notation).replace(" ", gap)
    assert value(PHONE, written, region) == e164
    assert value(WHATSAPP, e164.removeprefix("+"), region) == e164


@given(st.sampled_from(list(IdentifierKind)), st.text(max_size=40), regions)
def test_the_normal_form_of_a_normal_form_is_itself(kind: IdentifierKind, text: str, region: str) -> None:
    once = value(kind, text, region)
    assert once is None or value(kind, once, region) == once


@given(st.sampled_from([PHONE, WHATSAPP]), st.text("+0123456789 ()-./extA٣", max_size=30), regions)
def test_every_number_that_is_accepted_becomes_e164(kind: IdentifierKind, text: str, region: str) -> None:
    number = value(kind, text, region)
    assert number is None or (number[0] == "+" and number[1:].isascii() and number[1:].isdigit())


def test_every_kind_has_a_rule_and_every_written_one_a_field_in_the_answers() -> None:
    assert set(RULES) == set(IdentifierKind)
    assert [kind.value for kind in WRITTEN_KINDS] == list(contact_shapes.Identifiers.__annotations__)


@pytest.mark.parametrize("kind", WRITTEN_KINDS)
def test_the_readme_has_every_kind_in_its_example_and_in_its_list_of_columns(kind: IdentifierKind) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    chapter = readme.partition("\n## Contacts\n")[2].partition("\n## ")[0]
    assert f'"{kind}": [' in chapter
    assert f"`{kind}`" in chapter


@pytest.mark.parametrize("kind", IdentifierKind)
def test_the_example_in_a_hint_is_valid(kind: IdentifierKind) -> None:
    example = RULES[kind].hint.partition("for example ")[2]
    assert identifier(kind, example, region="DE") is not None


def somebody(participant_id: str = "@ada", **known: str) -> Participant:
    fields = dict.fromkeys(("full_name", "username", "phone_number", "email", "source_url", "image"))
    return Participant(participant_id, is_self=False, is_network_bot=False, **(fields | known))  # type: ignore[arg-type]  # as above


def test_identifiers_come_in_the_order_by_hand_network_number_address() -> None:
    ada = somebody(username="Ada", phone_number="+442079460958", email="ada@example.com")
    anywhere = [Identifier(PHONE, "+442079460958"), Identifier(EMAIL, "ada@example.com")]
    own = Identifier(IdentifierKind.PARTICIPANT, "@ada")
    assert identifiers_of(ada, network="Signal", region="GB") == [own, *anywhere]
    named = Identifier(INSTAGRAM, "ada")
    assert identifiers_of(ada, network="Instagram", region="GB") == [own, named, *anywhere]
    called = Identifier(WHATSAPP, "+442079460958")
    assert identifiers_of(ada, network="local-whatsapp_1", region="GB") == [own, called, *anywhere]


@pytest.mark.parametrize(
    ("handle", "expected"),
    [
        ("+442079460958", Identifier(PHONE, "+442079460958")),
        ("Ada@example.com", Identifier(EMAIL, "ada@example.com")),
    ],
)
def test_the_number_or_address_of_imessage_is_taken_from_the_participant_id(
    handle: str, expected: Identifier
) -> None:
    known = identifiers_of(somebody(f"imsg##participant:{handle}"), network="iMessage", region="GB")
    assert known[1:] == [expected]


def test_members_of_a_union_are_matched_as_on_their_own_network() -> None:
    instagram = replace(person("Ada"), participant_id="@instagram_1:s", username="ada")
    whatsapp = replace(person("Ada"), participant_id="@whatsapp_1:s", phone_number="442079460958")
    of_union = {
        each.kind: each.value
        for member in (instagram, whatsapp)
        for each in identifiers_of(member, network="Beeper (Matrix)", region="US")
    }
    assert of_union[IdentifierKind.INSTAGRAM] == "ada"
    assert of_union[IdentifierKind.WHATSAPP] == "+442079460958"
