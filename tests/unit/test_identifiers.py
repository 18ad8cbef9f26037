"""An identifier has one normal form, however it is written, and every kind is described to people."""

from dataclasses import replace
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.api import contact_shapes
from imagecache.model.chat import Participant
from imagecache.model.contact import Identifier, IdentifierKind
from imagecache.rules.identifiers import RULES, WRITTEN_KINDS, identifier, identifiers_of
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
        (IdentifierKind.PARTICIPANT, "é" * 512, "é" * 512),
        (IdentifierKind.PARTICIPANT, "é" * 513, None),  # longer than a member's key can be
        (IdentifierKind.PARTICIPANT, "", None),
        (PHONE, "+44 20 7946 0958", "+442079460958"),
        (PHONE, "020-7946-0958", "+442079460958"),
        (PHONE, "(020) 7946 0958", "+442079460958"),
        (PHONE, "0044 20 7946 0958", "+442079460958"),
        (PHONE, "tel:+44-20-7946-0958", "+442079460958"),
        (PHONE, "+49 170 1234567", "+491701234567"),
        (PHONE, "12", None),
        (PHONE, "ask Ada", None),
        (PHONE, "", None),
        (WHATSAPP, "442079460958", "+442079460958"),
        (WHATSAPP, "020 7946 0958", "+442079460958"),
        (WHATSAPP, "+442079460958", "+442079460958"),
        (EMAIL, " Ada@Example.COM ", "ada@example.com"),
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
