"""Each fact about the fields of Beeper's API that a client must handle occurs in the demo account."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from demo.account import Account
from demo.chats import Chat, Person
from demo.media import Media, Picture
from demo.messages import MessageType
from demo.service import DemoAccount
from tests.demo.clients import Client


@pytest.fixture(scope="module")
def documents(full_account: Account) -> list[dict[str, Any]]:
    """The JSON of every listed chat."""
    return [chat.as_json(20) for chat in full_account.chats]


@pytest.fixture(scope="module")
def previews(full_account: Account) -> list[dict[str, Any]]:
    """The JSON of the latest message of every chat that has one."""
    return [preview for chat in full_account.chats if (preview := chat.preview())]


def _union(account: Account) -> Chat:
    return next(chat for chat in account.chats if chat.merge)


def _chat(beeper: Client, chat_id: str) -> dict[str, Any]:
    answer = beeper.get(f"/v1/chats/{quote(chat_id, safe='')}", maxParticipantCount=500)
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def _listed_ids(beeper: Client) -> list[str]:
    return [item["id"] for item in beeper.get("/v1/chats", limit=200).json()["items"]]


def test_merge_a_union_is_listed_and_its_members_are_not_but_still_answer(
    demo: DemoAccount, beeper: Client
) -> None:
    union = _union(demo.account)
    document = _chat(beeper, union.id)
    members = document["merge"]["chatIDs"]
    assert document["merge"]["defaultChatID"] in members
    assert (document["accountID"], document["network"]) == ("matrix", "Beeper (Matrix)")
    listed = _listed_ids(beeper)
    assert union.id in listed
    assert not set(members) & set(listed)
    roster = {person["id"] for person in document["participants"]["items"]}
    for member in (_chat(beeper, chat_id) for chat_id in members):
        assert member["mergedIntoChatID"] == union.id
        assert {person["id"] for person in member["participants"]["items"]} < roster


def test_merge_the_members_are_listed_again_when_the_union_is_gone(demo: DemoAccount, beeper: Client) -> None:
    union = _union(demo.account)
    demo.account.remove_chat(union.id)
    assert set(union.member_ids) <= set(_listed_ids(beeper))
    assert "mergedIntoChatID" not in _chat(beeper, union.member_ids[0])


def test_merge_a_message_of_a_member_is_the_latest_of_the_union(demo: DemoAccount, beeper: Client) -> None:
    union = _union(demo.account)
    member_id = union.member_ids[1]
    demo.account.receive_message(member_id, "from the second network")
    newest = beeper.get("/v1/chats", limit=1).json()["items"][0]
    assert (newest["id"], newest["preview"]["text"]) == (union.id, "from the second network")
    assert newest["preview"]["chatID"] == member_id


def test_merge_an_old_server_knows_no_unions(demo: DemoAccount, beeper: Client) -> None:
    union = _union(demo.account)
    demo.chat_api.is_old = True
    assert beeper.get(f"/v1/chats/{quote(union.id, safe='')}").status_code == 404
    assert "mergedIntoChatID" not in _chat(beeper, union.member_ids[0])


def test_is_marked_unread_a_chat_without_unread_messages_is_marked(documents: list[dict[str, Any]]) -> None:
    assert any(chat["isMarkedUnread"] and chat["unreadCount"] == 0 for chat in documents)
    assert any(not chat["isMarkedUnread"] for chat in documents)


def test_is_low_priority_some_chats_that_are_not_archived_are(documents: list[dict[str, Any]]) -> None:
    low = [chat for chat in documents if chat["isLowPriority"] and not chat["isArchived"]]
    assert 0.02 <= len(low) / len(documents) <= 0.15


@pytest.mark.parametrize(
    "field",
    [
        *("labels", "snooze", "reminder", "draft", "isReadOnly", "unreadMentionsCount"),
        *("messageExpirySeconds", "capabilities", "description", "lastReadMessageSortKey"),
    ],
)
def test_fields_of_new_servers_occur_with_and_without_a_value(
    documents: list[dict[str, Any]], field: str
) -> None:
    values = [chat.get(field) for chat in documents]
    assert any(values)
    if field not in {"capabilities", "lastReadMessageSortKey"}:
        assert not all(values)


def test_old_servers_do_not_send_the_fields_of_new_ones(demo: DemoAccount, beeper: Client) -> None:
    demo.chat_api.is_old = True
    new = {
        "network",
        "isLowPriority",
        "isMarkedUnread",
        "labels",
        "capabilities",
        "merge",
        "mergedIntoChatID",
    }
    for item in beeper.get("/v1/chats").json()["items"]:
        assert not new & item.keys()
        assert "type" not in item.get("preview", {})


def test_preview_every_type_of_message_occurs(previews: list[dict[str, Any]]) -> None:
    assert {preview["type"] for preview in previews} == set(MessageType)


def test_preview_the_text_is_html_with_replies_entities_and_line_breaks(
    previews: list[dict[str, Any]],
) -> None:
    texts = " ".join(preview.get("text", "") for preview in previews)
    for fragment in ("<mx-reply>", "<strong>", "<br>", "&amp;", "<a href="):
        assert fragment in texts


def test_preview_deleted_hidden_and_edited_messages_and_reactions_occur(
    previews: list[dict[str, Any]],
) -> None:
    assert any(preview.get("isDeleted") and preview["text"] for preview in previews)
    assert any(preview.get("isHidden") and preview["text"] for preview in previews)
    assert any(preview["type"] == "REACTION" for preview in previews)
    assert any(preview.get("editedTimestamp", "") > preview["timestamp"] for preview in previews)


def test_preview_attachments_of_every_kind_occur_without_a_text(previews: list[dict[str, Any]]) -> None:
    attachments = [
        attachment
        for preview in previews
        if "text" not in preview
        for attachment in preview.get("attachments", [])
    ]
    assert {attachment["type"] for attachment in attachments} == {"img", "video", "audio", "unknown"}
    for flag in ("isGif", "isSticker", "isVoiceNote"):
        assert {attachment[flag] for attachment in attachments} == {True, False}


def test_preview_a_group_shows_the_message_of_a_member(full_account: Account) -> None:
    previews = [preview for chat in full_account.chats if chat.is_group and (preview := chat.preview())]
    assert any(not preview["isSender"] and preview["senderName"] for preview in previews)


def test_participants_total_counts_the_owner_where_the_roster_leaves_them_out(
    documents: list[dict[str, Any]],
) -> None:
    rosters = [chat["participants"] for chat in documents if chat["network"] == "Discord"]
    assert rosters
    for roster in rosters:
        assert (len(roster["items"]), roster["hasMore"], roster["total"]) == (1, False, 2)
        assert not roster["items"][0]["isSelf"]


MEDIA = Media("local.beeper.com", "alex_0a1b2c")
ATTACHMENT = Media("local-whatsapp", "attachments/0a1b2c")


@pytest.mark.parametrize(
    ("picture", "url"),
    [
        (
            Picture.by_path(MEDIA),
            "/Users/alex/Library/Application Support/BeeperTexts/media/local.beeper.com/alex_0a1b2c",
        ),
        (
            Picture.by_windows_path(MEDIA),
            r"C:\Users\alex\AppData\Roaming\BeeperTexts\media\local.beeper.com\alex_0a1b2c",
        ),
        (
            Picture.by_path(ATTACHMENT),
            "/Users/alex/Library/Application Support/BeeperTexts/local-whatsapp/attachments/0a1b2c",
        ),
    ],
    ids=["media folder", "windows", "attachment"],
)
def test_chat_img_url_is_a_path_without_a_scheme(
    demo: DemoAccount, beeper: Client, picture: Picture, url: str
) -> None:
    chat = demo.account.chats[0]
    demo.account.set_avatar(chat.id, picture)
    assert _chat(beeper, chat.id)["imgURL"] == url


def test_chat_img_url_an_attachment_is_served_by_its_file_url(demo: DemoAccount, beeper: Client) -> None:
    demo.account.set_avatar(demo.account.chats[0].id, Picture.by_path(ATTACHMENT))
    answer = beeper.get("/v1/assets/serve", url=ATTACHMENT.file_url)
    assert (answer.status_code, answer.content) == (200, demo.account.download(ATTACHMENT))


def _image_urls(document: object) -> Iterator[str]:
    if isinstance(document, list):
        for item in document:
            yield from _image_urls(item)
    elif isinstance(document, dict):
        for name, value in document.items():
            if name == "imgURL":
                yield value
            else:
                yield from _image_urls(value)


def test_image_urls_of_compatible_servers_are_requests_to_assets_serve(
    demo: DemoAccount, beeper: Client
) -> None:
    plain = set(_image_urls(beeper.get("/v1/chats", limit=200).json()))
    beeper.control("settings", wrapImageUrls=True)
    wrapped = set(_image_urls(beeper.get("/v1/chats", limit=200).json()))
    of_media = {url for url in plain if url.startswith(("mxc:", "localmxc:", "file:"))}
    inner = set()
    for url in wrapped - plain:
        assert url.startswith(f"{demo.beeper_url}/v1/assets/serve?url=")
        inner.add(parse_qs(urlsplit(url).query)["url"][0])
    assert inner == of_media
    assert beeper.get("/v1/accounts/local-whatsapp_ba_demo1/contacts/list").json()["items"]


def test_participant_id_whatsapp_moves_people_to_new_ids_without_their_pictures(
    demo: DemoAccount, beeper: Client
) -> None:
    before = _people_on_whatsapp(demo.account)
    assert any(person.picture for person in before)
    demo.account.move_people_to_other_ids()
    after = _people_on_whatsapp(demo.account)
    assert len(after) == len(before)
    assert all(person.id.startswith("@whatsapp_lid-") and person.picture is None for person in after)
    numbers = {person.phone_number for person in after}
    assert None in numbers
    demo.account.reveal_phone_numbers()
    assert {person.phone_number for person in _people_on_whatsapp(demo.account)} == {
        person.phone_number for person in before
    }
    union = _union(demo.account)
    assert [_chat(beeper, member_id)["mergedIntoChatID"] for member_id in union.member_ids] == [union.id] * 2


def _people_on_whatsapp(account: Account) -> list[Person]:
    people = {person.id: person for chat in account.chats for person in chat.people if not person.is_self}
    return [person for person in people.values() if person.id.startswith("@whatsapp_")]
