"""Who counts as the same person, and which of the pictures that were known of a person are former ones."""

from dataclasses import replace
from typing import Any

import pytest

from imagecache.model.chat import Participant
from imagecache.model.person import KnownPerson, KnownPicture
from imagecache.rules.people import (
    former_pictures,
    newest_first,
    person_ids,
    phone_id,
    without_ambiguous_ids,
)
from tests.integration.made import person

BY_NUMBER = "@whatsapp_442079460958:beeper.local"
BY_LID = "@whatsapp_lid-90071992547409:beeper.local"
PICTURE = KnownPicture("s/ada", "mxc://s/ada", "WhatsApp", None, first_seen=1)


def member(participant_id: str = "@ada:s", **fields: Any) -> Participant:
    return replace(person("Ada"), participant_id=participant_id, **fields)


def ids(each: Participant, network: str = "WhatsApp") -> set[str]:
    return set(person_ids(each, network=network, region="GB"))


def is_same(one: Participant, other: Participant, network: str = "WhatsApp") -> bool:
    """Returns whether a member of a WhatsApp chat and a member of a chat of `network` are recognised."""
    return bool(ids(one) & ids(other, network))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (member("@a:s"), member("@a:s", phone_number="+442079460958")),
        (member("@a:s", phone_number="+442079460958"), member("@b:s", phone_number="+44 20 7946-0958")),
        (member("@a:s", phone_number="442079460958"), member("@b:s", phone_number="020 7946 0958")),
        (member(BY_NUMBER), member(BY_LID, phone_number="+442079460958")),
        (member("@a:s", username="Ada.L"), member("@b:s", username="@ada.l")),
    ],
    ids=["id", "number", "notation", "number in the id", "user name"],
)
def test_the_same_person_has_a_person_id_in_common(one: Participant, other: Participant) -> None:
    assert is_same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (member("@a:s"), member("@b:s")),
        (member("@a:s", phone_number="+442079460958"), member("@b:s", phone_number="+442079460959")),
        (member(BY_LID), member(BY_LID.replace("lid-9", "lid-8"))),
        (member("@a:s", username="ada"), member("@b:s", username="bob")),
        (member("@a:s", phone_number="unknown"), member("@b:s", phone_number="unknown")),
        (member("@a:s", full_name="Ada"), member("@b:s", full_name="Ada")),
    ],
    ids=["ids", "numbers", "lids", "user names", "no numbers", "full name"],
)
def test_different_people_have_no_person_id_in_common(one: Participant, other: Participant) -> None:
    assert not is_same(one, other)


def test_a_user_name_identifies_a_person_in_one_network_only() -> None:
    one, other = member("@a:s", username="ada"), member("@b:s", username="ada")
    assert is_same(one, other)
    assert not is_same(one, other, "Telegram")


def test_a_user_name_in_a_union_identifies_nobody() -> None:
    """A union has people of several networks."""
    instagram, telegram = member("@instagram_1:s", username="ada"), member("@telegram_1:s", username="ada")
    assert not ids(instagram, "Beeper (Matrix)") & ids(telegram, "Beeper (Matrix)")


@pytest.mark.parametrize("network", ["matrix", "Beeper (Matrix)"])
def test_a_user_name_in_a_union_counts_only_with_the_network_in_the_participant_id(network: str) -> None:
    def in_union(participant_id: str) -> set[str]:
        each = member(participant_id, username="ada")
        return set(person_ids(each, network=network, region="GB", is_union=True))

    assert in_union("@instagram_1:s") & in_union("@instagram_2:s")
    assert in_union("@instagram_1:s") & ids(member("@ig:s", username="ada"), "Instagram")
    assert not in_union("@instagram_1:s") & in_union("@twitter_1:s")
    assert not in_union("@ada:s") & in_union("@bea:s")


def test_a_phone_number_identifies_a_person_across_networks() -> None:
    one, other = (member(f"@{name}:s", phone_number="+442079460958") for name in "ab")
    assert is_same(one, other, "Signal")


@pytest.mark.parametrize("fields", [{"is_self": True}, {"is_network_bot": True}, {"full_name": "Meta AI"}])
def test_oneself_and_bots_have_no_person_ids(fields: dict[str, Any]) -> None:
    assert ids(member(phone_number="+442079460958", **fields)) == set()


def test_a_user_name_that_two_members_of_a_chat_have_identifies_neither() -> None:
    names = {"@a:s": "ada", "@b:s": "ada", "@c:s": "c"}
    members = [
        replace(each, person_ids=person_ids(each, network="Discord", region="GB"))
        for each in (member(participant_id, username=name) for participant_id, name in names.items())
    ]
    one, other, third = without_ambiguous_ids(members, is_union=False)
    assert not set(one.person_ids) & set(other.person_ids)
    assert len(one.person_ids) == len(other.person_ids) == 1
    assert third == members[2]


@pytest.mark.parametrize(
    ("names", "is_union", "is_kept"),
    [
        (("Ada", "Bob"), False, False),
        (("Ada", "ADA"), False, True),
        (("Ada", None), False, True),
        (("Ada", "+44 20 7946 0958"), False, True),
        (("Ada", "Ada L."), True, True),
    ],
    ids=["two names", "one name", "no name", "a number for a name", "union"],
)
def test_a_number_that_two_members_of_a_chat_with_different_names_have_identifies_neither(
    names: tuple[str | None, str | None], is_union: bool, is_kept: bool
) -> None:
    members = [
        replace(each, person_ids=person_ids(each, network="WhatsApp", region="GB"))
        for each in (
            member(f"@{number}:s", full_name=name, phone_number="+442079460958")
            for number, name in enumerate(names)
        )
    ]
    one, other = without_ambiguous_ids(members, is_union=is_union)
    assert bool(set(one.person_ids) & set(other.person_ids)) is is_kept


def known(picture: KnownPicture, each: Participant, kind: str, network: str = "WhatsApp") -> bool:
    """Returns whether a picture that is recorded under this kind of the member's ids is a former one."""
    identified = replace(each, person_ids=person_ids(each, network=network, region="GB"))
    [person_id] = [one for one in identified.person_ids if one.startswith(f"{kind}#")]
    people = dict.fromkeys(identified.person_ids, KnownPerson({}))
    people[person_id] = KnownPerson({picture.image_key: picture})
    return bool(former_pictures(identified, people, network=network, named=()))


def test_a_picture_that_beeper_still_names_in_another_network_is_not_a_former_one() -> None:
    ada = member(phone_number="+442079460958")
    assert known(PICTURE, ada, "phone")
    assert not known(PICTURE, ada, "phone", network="Signal")
    assert known(replace(PICTURE, named_until=2), ada, "phone", network="Signal")
    in_merged_chat = member(BY_LID, phone_number="+442079460958")
    assert known(PICTURE, in_merged_chat, "phone", network="Beeper (Matrix)")


def test_a_picture_of_a_user_name_is_a_former_one_if_it_is_gone_and_no_number_differs() -> None:
    gone = replace(PICTURE, named_until=2)
    other_number = phone_id(ids(member(phone_number="+442079460959")))
    with_number = member(username="ada", phone_number="+442079460958")
    assert not known(PICTURE, member(username="ada"), "name")
    assert known(gone, member(username="ada"), "name")
    assert known(gone, with_number, "name")
    assert known(replace(gone, phone_id=other_number), member(username="ada"), "name")
    assert not known(replace(gone, phone_id=other_number), with_number, "name")


def test_a_chosen_picture_comes_first_then_the_one_that_was_named_last() -> None:
    oldest = replace(PICTURE, image_key="oldest", first_seen=1, named_until=5)
    newer = replace(PICTURE, image_key="newer", first_seen=2, named_until=9)
    named = replace(PICTURE, image_key="named", first_seen=3)
    chosen = replace(PICTURE, image_key="chosen", first_seen=0, named_until=1, chosen_at=7)
    assert newest_first([newer, oldest, chosen, named]) == [chosen, named, newer, oldest]


def test_the_records_of_one_picture_are_joined_to_the_first_and_the_last_date() -> None:
    early, late = replace(PICTURE, first_seen=3, named_until=4), replace(PICTURE, first_seen=5, named_until=9)
    assert early.joined(late) == late.joined(early) == replace(PICTURE, first_seen=3, named_until=9)
    with_number = replace(late, phone_id="phone#1")
    assert early.joined(with_number).phone_id == with_number.joined(early).phone_id == "phone#1"
