"""The pictures that a member may show, in order: one rule for pages, missing pictures and backfills."""

from dataclasses import replace

from imagecache.model.chat import Participant
from imagecache.model.contact import Contact, KeptBy
from imagecache.model.image import ImageRef, ImageStatus, ImageView, RejectionReason
from imagecache.rules.image_choice import (
    PictureCandidate,
    ShownFor,
    ShownImage,
    ShownStatus,
    image_keys_of_chat,
    participant_image,
    pictures_of,
)
from imagecache.sources.beeper.chats import parse_chat

OWN_URL, CONTACT_URL = "mxc://s/ada", "https://pictures.example/ada.jpg"
OWN = PictureCandidate(ShownFor.PARTICIPANT, ImageRef("s/ada"), OWN_URL)
OF_CONTACT = PictureCandidate(ShownFor.CONTACT, ImageRef(CONTACT_URL), CONTACT_URL)
BOB = Participant(
    participant_id="@bob",
    full_name="Bob",
    username=None,
    phone_number=None,
    email=None,
    is_self=False,
    is_network_bot=False,
    source_url=None,
    image=None,
)
ADA = replace(
    BOB,
    participant_id="@ada",
    source_url=OWN_URL,
    image=ImageRef("s/ada"),
    contact_id="ada",
    contact_image_key=CONTACT_URL,
)
CONTACT = Contact("ada", "Ada", CONTACT_URL, ImageRef(CONTACT_URL), (), KeptBy.MANUAL)


def test_a_union_shows_the_picture_of_any_of_its_members() -> None:
    members = [{"id": "@whatsapp_lid-1:s"}, {"id": "@instagram_1:s", "imgURL": "mxc://s/ada"}]
    union = parse_chat(
        {
            "id": "!union",
            "type": "single",
            "merge": {"chatIDs": ["!a", "!b"]},
            "participants": {"items": members, "hasMore": False, "total": 2},
        }
    )
    assert [*image_keys_of_chat(union, 0)] == ["s/ada"]
    assert [*image_keys_of_chat(replace(union, merged_chat_ids=()), 0)] == []


def test_a_members_own_picture_comes_before_that_of_their_contact() -> None:
    assert pictures_of(ADA, CONTACT) == [OWN, OF_CONTACT]


def test_without_the_contact_only_the_key_of_its_picture_is_known() -> None:
    assert pictures_of(ADA) == [OWN, OF_CONTACT._replace(source_url=None)]


def test_a_contacts_picture_that_is_never_fetched_is_one_of_them() -> None:
    rejected = ImageRef(None, RejectionReason.UNSUPPORTED_SCHEME)
    contact = replace(CONTACT, source_url="ftp://x/y", image=rejected)
    assert pictures_of(ADA, contact)[1] == PictureCandidate(ShownFor.CONTACT, rejected, "ftp://x/y")


def test_a_contact_that_has_lost_its_picture_shows_none() -> None:
    assert pictures_of(ADA, replace(CONTACT, source_url=None, image=None)) == [OWN]


def test_a_member_without_any_picture_shows_none() -> None:
    assert pictures_of(BOB) == []
    assert participant_image(BOB, {}).status is ShownStatus.NONE


def test_the_reason_says_why_a_picture_failed_or_that_it_was_forgotten() -> None:
    reasons = {status: ShownImage(None, ImageView(status, reason="gone")).reason for status in ImageStatus}
    assert reasons == {
        ImageStatus.CACHED: None,
        ImageStatus.PENDING: None,
        ImageStatus.FAILED: "gone",
        ImageStatus.FORGOTTEN: "forgotten",
    }
    assert ShownImage(None, None).reason is None
