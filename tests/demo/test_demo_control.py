"""The faults, the hit counters and the endpoints under `/_demo/`."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import quote

import pytest
import requests
from urllib3.exceptions import ProtocolError

from demo.faults import TUNNEL_PAGE
from demo.media import Media
from demo.service import DemoAccount
from tests.demo.clients import Client


@pytest.fixture
def asset(demo: DemoAccount) -> Media:
    key = next(key for key in demo.account.deliverable() if key not in demo.account.not_on_disk)
    return Media(*key.split("/", 1))


@pytest.mark.parametrize(
    ("mode", "status"), [("unauthorized", 401), ("rate_limited", 429), ("not_found", 404), ("conflict", 409)]
)
def test_refusing_faults_answer_in_the_words_of_their_server(
    demo: DemoAccount, beeper: Client, media: Client, mode: str, status: int
) -> None:
    demo.faults.set(mode)
    from_chat_api = beeper.get("/v1/chats")
    from_media_server = media.get("/")
    assert from_chat_api.status_code == from_media_server.status_code == status
    assert set(from_chat_api.json()) == {"message", "code"}
    assert from_media_server.headers["Content-Type"] == "text/plain"
    assert "Retry-After" not in from_media_server.headers


def test_offline_closes_the_connection_without_an_answer(
    demo: DemoAccount, beeper: Client, media: Client
) -> None:
    demo.faults.set("offline")
    for client in (beeper, media):
        with pytest.raises(requests.ConnectionError):
            client.get("/v1/info")
    assert demo.hits.as_json()["statuses"] == {"closed": 2}


@pytest.mark.parametrize(("mode", "status"), [("html", 200), ("tunnel_down", 530)])
def test_a_tunnel_page_takes_the_place_of_an_image(
    demo: DemoAccount, beeper: Client, asset: Media, mode: str, status: int
) -> None:
    demo.faults.set(mode, "images")
    answer = beeper.get("/v1/assets/serve", url=asset.mxc_url)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert demo.hits.as_json()["imageHits"] == 0


def test_wrong_bytes_are_labelled_as_an_image(demo: DemoAccount, media: Client, asset: Media) -> None:
    demo.faults.set("wrong_bytes", "media")
    answer = media.get(f"/{quote(asset.key)}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/jpeg")
    assert answer.content != demo.account.download(asset)


def test_a_slow_answer_is_late_and_right(demo: DemoAccount, beeper: Client, asset: Media) -> None:
    demo.faults.set("slow", "images", seconds=0.2)
    started = time.monotonic()
    answer = beeper.get("/v1/assets/serve", url=asset.mxc_url)
    assert time.monotonic() - started >= 0.2
    assert answer.content == demo.account.download(asset)


def test_drip_sends_the_body_byte_by_byte(demo: DemoAccount, beeper: Client) -> None:
    demo.faults.set("drip", "chats", seconds=0.001)
    started = time.monotonic()
    answer = beeper.get("/v1/chats/nobody")
    assert answer.json()["code"] == "NOT_FOUND"
    assert time.monotonic() - started >= 0.001 * len(answer.content)


def test_a_fault_applies_to_its_target_only(
    demo: DemoAccount, beeper: Client, media: Client, asset: Media
) -> None:
    demo.faults.set("not_found", "images")
    assert beeper.get("/v1/chats").status_code == 200
    assert media.get(f"/{quote(asset.key)}").status_code == 200
    assert beeper.get("/v1/assets/serve", url=asset.mxc_url).status_code == 404


@pytest.mark.parametrize("mode", ["empty", "html", "wrong_length", "none"])
def test_a_fault_of_one_image_applies_to_it_on_both_servers_and_to_no_other(
    demo: DemoAccount, beeper: Client, media: Client, asset: Media, mode: str
) -> None:
    other = next(key for key in demo.account.deliverable() if key != asset.key)
    whole = len(demo.account.download(asset) or b"")
    expected = {"empty": 0, "html": len(TUNNEL_PAGE), "wrong_length": whole // 2, "none": whole}[mode]
    answered = beeper.control("faults", mode=mode, images=[asset.key]).json()
    assert answered == ({} if mode == "none" else {asset.key: {"mode": mode, "seconds": 1}})
    assert len(beeper.get("/v1/assets/serve", url=asset.mxc_url).content) == expected
    assert len(media.get(f"/{quote(asset.key)}").content) == expected
    assert beeper.get("/v1/assets/serve", url=f"mxc://{other}").content
    beeper.control("faults", mode="none")
    assert beeper.report("faults").json() == {}


@pytest.mark.parametrize("mode", ["truncated", "endless"])
def test_a_body_may_be_shorter_than_announced_or_endless(
    demo: DemoAccount, beeper: Client, asset: Media, mode: str
) -> None:
    demo.faults.set(mode, images=[asset.key])
    whole = len(demo.account.download(asset) or b"")
    url = f"{demo.beeper_url}/v1/assets/serve"
    headers = {"Authorization": f"Bearer {demo.beeper_token}"}
    with requests.get(url, {"url": asset.mxc_url}, headers=headers, stream=True, timeout=60) as answer:
        if mode == "truncated":
            assert answer.headers["Content-Length"] == str(whole)
            assert len(answer.raw.read(whole // 2)) == whole // 2
            with pytest.raises(ProtocolError):
                answer.raw.read()
        else:
            assert "Content-Length" not in answer.headers
            assert len(answer.raw.read(1_000_000)) == 1_000_000
    assert beeper.get("/v1/info").status_code == 200


def test_faults_are_set_and_ended_from_outside(beeper: Client) -> None:
    assert beeper.control("faults", mode="slow", target="chats", seconds=2).json() == {
        "chats": {"mode": "slow", "seconds": 2}
    }
    beeper.control("faults", mode="offline")
    both = beeper.report("faults").json()
    assert set(both) == {"chats", "all"}
    assert beeper.control("faults", mode="none").json() == {}
    assert beeper.get("/v1/chats").status_code == 200


@pytest.mark.parametrize("body", [{}, {"mode": "explode"}, {"mode": "slow", "target": "moon"}, {"hue": 3}])
def test_a_change_that_is_not_valid_is_refused(beeper: Client, body: dict[str, str]) -> None:
    assert beeper.control("faults", **body).status_code == 400


def test_unknown_control_paths_are_404(beeper: Client) -> None:
    assert beeper.report("nothing").status_code == 404
    assert beeper.control("account").status_code == 404


def test_hits_count_the_requests_and_the_answers(
    demo: DemoAccount, beeper: Client, media: Client, asset: Media
) -> None:
    beeper.get("/v1/chats")
    beeper.get("/v1/chats/1")
    beeper.get("/v1/assets/serve", url=asset.mxc_url)
    beeper.get("/v1/assets/serve", url="ftp://nowhere")
    media.get(f"/{quote(asset.key)}")
    assert beeper.report("hits").json() == {
        "images": {asset.key: 2},
        "imageHits": 2,
        "chats": 1,
        "chat": 1,
        "assetsServe": 2,
        "mediaServer": 1,
        "statuses": {"200": 4, "400": 1},
        "malformedPaths": 0,
        "maxConcurrentImages": 1,
    }
    beeper.control("reset-hits")
    assert demo.hits.as_json()["imageHits"] == 0


def test_hits_count_how_many_images_were_in_progress_at_once(
    demo: DemoAccount, asset: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_in_progress = Barrier(4, timeout=60)
    download = demo.account.download

    def download_with_the_others(media: Media) -> bytes | None:
        all_in_progress.wait()
        return download(media)

    monkeypatch.setattr(demo.account, "download", download_with_the_others)
    headers = {"Authorization": f"Bearer {demo.beeper_token}"}

    def fetch(_: int) -> int:
        url = f"{demo.beeper_url}/v1/assets/serve"
        return requests.get(url, params={"url": asset.mxc_url}, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(fetch, range(4))) == [200] * 4
    assert demo.hits.as_json()["maxConcurrentImages"] == 4


def test_the_summary_lists_what_can_be_delivered(demo: DemoAccount, beeper: Client) -> None:
    summary = beeper.report("account").json()
    assert summary["deliverable"] == demo.account.deliverable()
    assert summary["chats"] == len(demo.account.chats)
    assert not set(summary["deliverable"]) & set(summary["gone"])
    assert set(summary["notOnDisk"]) <= set(summary["deliverable"])


def test_settings_are_changed_from_outside(demo: DemoAccount, beeper: Client) -> None:
    others = {"wrapImageUrls": False, "losesEvents": False}
    settings = {"oldServer": False, "mediaRateLimit": 100} | others
    assert beeper.report("settings").json() == settings
    changed = beeper.control("settings", oldServer=True, mediaRateLimit=None).json()
    assert changed == {"oldServer": True, "mediaRateLimit": None} | others
    assert (demo.chat_api.is_old, demo.rate_limit.requests) == (True, None)


def test_a_chat_is_added_changed_and_removed_from_outside(beeper: Client) -> None:
    people = [{"id": "@me", "isSelf": True}, {"id": "@new", "fullName": "Nova Nemo", "mediaId": "alex_N"}]
    beeper.control("add-chat", chatId="!new:x", title="Nova", people=people)
    newest = beeper.get("/v1/chats", limit=1).json()["items"][0]
    assert (newest["id"], newest["type"]) == ("!new:x", "single")
    assert newest["participants"]["items"][1]["imgURL"] == "mxc://local.beeper.com/alex_N"

    beeper.control("show-as-file", key="local.beeper.com/alex_N")
    beeper.control("avatar", ownerId="@me", url="https://me.example.invalid/x.png")
    beeper.control("add-member", chatId="!new:x", person={"id": "@third"})
    beeper.control("remove-member", chatId="!new:x", personId="@new")
    people_now = beeper.get("/v1/chats/!new:x").json()["participants"]["items"]
    assert [(person["id"], person.get("imgURL")) for person in people_now] == [
        ("@me", "https://me.example.invalid/x.png"),
        ("@third", None),
    ]

    beeper.control("remove-chat", chatId="!new:x")
    assert beeper.get("/v1/chats/!new:x").status_code == 404


def test_chats_are_merged_and_divided_from_outside(beeper: Client) -> None:
    first, second = (chat["id"] for chat in beeper.get("/v1/chats").json()["items"][:2])
    beeper.control("merge-chats", unionId="!union", chatIds=[first, second])
    listed = {chat["id"] for chat in beeper.get("/v1/chats", limit="200").json()["items"]}
    assert (listed & {first, second}, "!union" in listed) == (set(), True)
    assert beeper.control("merge-chats", unionId="!union", chatIds=["!unknown"]).status_code == 400
    beeper.control("remove-chat", chatId="!union")
    assert {first, second} <= {chat["id"] for chat in beeper.get("/v1/chats", limit="200").json()["items"]}


def test_lost_media_can_no_longer_be_delivered(demo: DemoAccount, beeper: Client, asset: Media) -> None:
    beeper.control("lose-media", key=asset.key)
    assert beeper.get("/v1/assets/serve", url=asset.mxc_url).status_code == 502
    assert asset.key not in demo.account.deliverable()


def test_an_asset_fails_with_the_message_that_is_set(beeper: Client, asset: Media) -> None:
    beeper.control("lose-media", key=asset.key, message="The bridge did not answer")
    answer = beeper.get("/v1/assets/serve", url=asset.mxc_url)
    assert answer.json() == {"message": "The bridge did not answer", "code": "SERVE_ASSET_ERROR"}


def test_a_message_from_outside_moves_its_chat_to_the_top(demo: DemoAccount, beeper: Client) -> None:
    quiet = demo.account.chats[-1].id
    beeper.control("message", chatId=quiet, text="Hello again")
    newest = beeper.get("/v1/chats", limit=1).json()["items"][0]
    assert (newest["id"], newest["preview"]["text"]) == (quiet, "Hello again")


def test_a_message_has_the_fields_that_are_sent_with_it(demo: DemoAccount, beeper: Client) -> None:
    chat_id = demo.account.chats[0].id
    beeper.control("message", chatId=chat_id, text=None, fields={"type": "LOCATION", "isHidden": True})
    preview = beeper.get("/v1/chats", limit=1).json()["items"][0]["preview"]
    assert (preview["type"], preview["isHidden"]) == ("LOCATION", True)
    assert "text" not in preview


def test_fields_of_a_chat_are_replaced_from_outside(demo: DemoAccount, beeper: Client) -> None:
    chat_id = demo.account.chats[0].id
    beeper.control("chat-fields", chatId=chat_id, fields={"isLowPriority": True, "title": None})
    chat = beeper.get("/v1/chats", limit=1).json()["items"][0]
    assert (chat["id"], chat["isLowPriority"], chat["title"]) == (chat_id, True, None)


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer demo-beeper-token", "Basic {token}", "{token}"]
)
def test_the_control_endpoints_demand_the_token_of_this_account(
    demo: DemoAccount, beeper: Client, authorization: str | None
) -> None:
    headers = (
        {} if authorization is None else {"Authorization": authorization.format(token=demo.control_token)}
    )
    for name in ("hits", "account", "faults", "settings", "contacts"):
        assert requests.get(f"{demo.beeper_url}/_demo/{name}", headers=headers, timeout=60).status_code == 401
    change = requests.post(
        f"{demo.beeper_url}/_demo/faults", json={"mode": "offline"}, headers=headers, timeout=60
    )
    assert change.status_code == 401
    assert beeper.report("faults").json() == {}


def test_each_account_has_a_long_control_token_of_its_own(demo: DemoAccount) -> None:
    assert len(demo.control_token) >= 43, "256 bits"
    with DemoAccount(scale=0.01) as other:
        assert other.control_token != demo.control_token
