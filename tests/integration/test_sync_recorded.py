"""A run over recorded answers, from a server that gives no other ones."""

from collections.abc import Iterator

import pytest
import requests

from demo.listener import Listener, Reply, Request, json_reply
from imagecache.model.chat import Folder
from imagecache.sources.beeper.chats import ChatApi
from imagecache.stores.chats.participants import CHAT_ROW
from imagecache.usecases.sync.sync_run import SyncReport
from tests.integration.conftest import Stack
from tests.integration.sync_results import queued_keys, stored_chat_ids, sync_with
from tests.recorded_answers import recorded

CROWD = recorded("group_of_552_excerpt")
PAGES = {
    None: recorded("list_of_an_old_server"),
    "1760515200000": recorded("list_with_epochs_and_texts"),
    "1780218000000": {"items": [CROWD], "hasMore": True, "oldestCursor": "next"},
    "next": recorded("list_with_nulls_and_unknowns") | {"hasMore": 1, "oldestCursor": "last"},
    "last": recorded("list_of_a_new_server"),
}


def answer(request: Request) -> Reply:
    if request.path == "/v1/chats":
        return json_reply(200, PAGES[request.parameter("cursor")])
    if "crowd" not in request.path:
        return json_reply(404, recorded("error_of_v1"))
    # This server refuses -1, and returns only a part of 552 members.
    refuses = request.parameter("maxParticipantCount") == "-1"
    return json_reply(400, recorded("error_of_v1")) if refuses else json_reply(200, CROWD)


@pytest.fixture
def report(stack: Stack, session: requests.Session) -> Iterator[SyncReport]:
    server = Listener(0, answer)
    server.start()
    api = ChatApi(base_url=server.url, secrets={"beeper-token": "t"}, session=session)
    yield sync_with(stack, api)
    server.stop()


def test_every_recorded_shape_is_stored_and_counted(stack: Stack, report: SyncReport) -> None:
    assert (report.outcome, report.complete, report.chats, report.unreadable) == ("ok", True, 11, 3)
    assert stored_chat_ids(stack) == {
        "!hikers:beeper.local",
        "imsg##thread:9d/0c",
        "4711",
        "!dee:beeper.local",
        "!crowd:example.org",
        "!news:beeper.local",
        "!bare:beeper.local",
        "!holes:beeper.local",
        "!ada:beeper.local",
        "!ada-old:beeper.local",
        "!self:beeper.local",
    }
    assert sorted(report.skipped) == [
        "!bare:beeper.local",
        "!hikers:beeper.local",
        "!holes:beeper.local",
        "!news:beeper.local",
        "!" + "x" * 99,
    ]


def test_every_picture_in_a_recorded_answer_is_queued_once(stack: Stack, report: SyncReport) -> None:
    assert queued_keys(stack) == [
        "local.beeper.com/alex_Qw3rTy01",
        "local.beeper.com/alex_Qw3rTy02",
        "local.beeper.com/alex_Mem01",
        "beeper.com/0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
        "matrix.org/SyntheticMediaIdAbCdEfGh",
        "maunium.net/AnotherSyntheticId",
        "local.beeper.com/alex_Mem05",
        "beeper.com/SyntheticMediaIdOfTwentyFo",
        "https://64.media.example.com/avatar_0001_128.pnj",
        "local.beeper.com/alex_Mem08",
        "local.beeper.com/alex_Zx9chat",
        "local.beeper.com/alex_Zx9bot",
        "localhostlocal-instagram/70133907000",
        "https://cdn.example.com/ada.jpg?size=640",
    ]
    assert report.queued == 14


def test_key_material_is_in_no_table(stack: Stack, report: SyncReport) -> None:
    assert report.outcome == "ok"
    for table in ("BeeperChatsTable", "ChatParticipantsTable", "CachedImagesTable"):
        rows = stack.dynamodb.scan(TableName=table)["Items"]
        assert rows
        assert "encryptedFileInfoJSON" not in str(rows)


def test_names_as_long_as_networks_allow_are_stored(stack: Stack, session: requests.Session) -> None:
    long = "\x00" * 10_000  # six bytes each in the preview
    url = "file:///" + "x" * 450_000 + "/media/beeper.com/a"
    people = [{"id": f"@{n}", "fullName": long, "username": long} for n in range(30)]
    people[7]["imgURL"] = url
    texts = {"title": long, "description": long, "imgURL": "ftp:" + url, "preview": {"text": long}}
    chat = {"id": "!long", **texts, "participants": {"items": people, "total": 30}}
    server = Listener(0, lambda _: json_reply(200, {"items": [chat], "hasMore": False}))
    server.start()
    api = ChatApi(base_url=server.url, secrets={"beeper-token": "t"}, session=session)
    report = sync_with(stack, api)
    server.stop()
    assert (report.outcome, stored_chat_ids(stack)) == ("ok", {"!long"})
    assert len(stack.participants_table.roster("!long")) == 31, "and the chat's own picture"


def test_a_merged_chat_is_hidden_and_its_people_are_kept(stack: Stack, report: SyncReport) -> None:
    assert report.outcome == "ok"
    listed = [
        chat.chat_id for one in Folder for chat in stack.chats_table.newest(one, limit=100, after=None).chats
    ]
    assert "!ada:beeper.local" in listed
    assert "!ada-old:beeper.local" not in listed
    image = stack.participants_table.roster("!ada:beeper.local")[CHAT_ROW].image
    assert image is not None
    assert image.key == "local.beeper.com/alex_Zx9chat"
    assert "@whatsapp_15550100:beeper.local" in stack.participants_table.roster("!ada-old:beeper.local")
