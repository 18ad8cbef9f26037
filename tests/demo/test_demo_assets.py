"""`/v1/assets/serve` delivers media by any of their URLs, and nothing else."""

import pytest
import requests

from demo.account import MEDIA_GONE
from demo.media import BEEPER_ROOT, MEDIA_ROOT, WINDOWS_MEDIA_ROOT, Media, Picture
from demo.service import DemoAccount
from tests.demo.clients import Client


def _media(key: str) -> Media:
    return Media(*key.split("/", 1))


def test_assets_are_served_by_each_form_of_their_url_without_a_content_type(
    demo: DemoAccount, beeper: Client
) -> None:
    for key in [*demo.account.deliverable()[::20], "beeper.com/a#b c%d"]:
        media = _media(key)
        answers = [beeper.get("/v1/assets/serve", url=url) for url in (media.mxc_url, media.file_url)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].content == answers[1].content == demo.account.download(media)
        assert "Content-Type" not in answers[0].headers
    assert demo.hits.as_json()["images"]["beeper.com/a#b c%d"] == 2  # type: ignore[index]  # JSON


def test_an_encryption_query_does_not_change_the_asset(demo: DemoAccount, beeper: Client) -> None:
    media = _media(demo.account.deliverable()[0])
    answer = beeper.get("/v1/assets/serve", url=f"{media.mxc_url}?encryptedFileInfoJSON=%7B%7D")
    assert answer.content == demo.account.download(media)


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("file:///etc/passwd", 403),
        (f"file://{MEDIA_ROOT}/../../secrets", 403),
        (f"file://{MEDIA_ROOT}/%2e%2e/index.db", 403),
        (f"file://attacker{MEDIA_ROOT}/beeper.com/x", 403),
        (f"file://{BEEPER_ROOT}/index.db", 403),
        (f"file://{BEEPER_ROOT}/local-whatsapp/attachments/never-seen", 502),
        ("https://example.invalid/x.jpg", 400),
        (f"{MEDIA_ROOT}/beeper.com/x", 400),
        ("", 400),
        ("mxc://beeper.com/never-seen", 502),
    ],
)
def test_what_is_not_an_asset_is_not_served(beeper: Client, url: str, status: int) -> None:
    assert beeper.get("/v1/assets/serve", url=url).status_code == status


def test_files_of_windows_and_attachments_of_an_account_are_served(
    demo: DemoAccount, beeper: Client, media: Client
) -> None:
    key = demo.account.deliverable()[0]
    on_windows = beeper.get("/v1/assets/serve", url=f"file:///{WINDOWS_MEDIA_ROOT}/{key}")
    assert on_windows.content == demo.account.download(_media(key))
    attachment = Media("local-whatsapp", "attachments/0a1b")
    demo.account.set_avatar(demo.account.chats[0].id, Picture.on_disk(attachment))
    assert beeper.get("/v1/assets/serve", url=attachment.file_url).status_code == 200
    assert media.get(f"/{attachment.key}").status_code == 404, "it is not in the media folder"


def test_gone_media_is_a_serve_asset_error(demo: DemoAccount, beeper: Client) -> None:
    gone = demo.account.gone()
    assert gone
    for key in gone:
        answer = beeper.get("/v1/assets/serve", url=_media(key).mxc_url)
        assert answer.status_code == 502
        assert answer.json()["code"] == "SERVE_ASSET_ERROR"


def test_the_messages_of_media_that_are_gone_differ(demo: DemoAccount) -> None:
    keys = [Media("beeper.com", "a" * length) for length in range(3)]
    assert {demo.account.serve_error(media) for media in keys} == set(MEDIA_GONE)


@pytest.fixture
def asset(demo: DemoAccount) -> Media:
    return _media(demo.account.deliverable()[0])


def _ask(demo: DemoAccount, asset: Media, method: str = "GET", **headers: str) -> requests.Response:
    return requests.request(
        method,
        f"{demo.beeper_url}/v1/assets/serve",
        params={"url": asset.mxc_url},
        headers={"Authorization": f"Bearer {demo.beeper_token}", **headers},
        timeout=60,
    )


def test_head_has_the_headers_of_get_and_counts_no_delivery(demo: DemoAccount, asset: Media) -> None:
    head = _ask(demo, asset, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert demo.hits.images() == {}
    headers = _ask(demo, asset).headers
    for name in ("Content-Length", "ETag", "Accept-Ranges"):
        assert head.headers[name] == headers[name]


def test_an_old_server_refuses_head(demo: DemoAccount, asset: Media) -> None:
    demo.chat_api.is_old = True
    assert _ask(demo, asset, "HEAD").status_code == 405


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("bytes=0-9", 0, 10), ("bytes=10-", 10, None), ("bytes=-7", -7, None), ("bytes=5-9999999", 5, None)],
)
def test_a_range_of_an_asset_is_served(
    demo: DemoAccount, asset: Media, wanted: str, first: int, last: int | None
) -> None:
    content = _ask(demo, asset).content
    part = _ask(demo, asset, Range=wanted)
    assert (part.status_code, part.content) == (206, content[first:last])
    start = first % len(content)
    end = start + len(part.content) - 1
    assert part.headers["Content-Range"] == f"bytes {start}-{end}/{len(content)}"


@pytest.mark.parametrize("wanted", ["bytes=9999999-", "bytes=-0"])
def test_a_range_outside_of_the_asset_is_416(demo: DemoAccount, asset: Media, wanted: str) -> None:
    answer = _ask(demo, asset, Range=wanted)
    size = len(_ask(demo, asset).content)
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{size}")


def test_an_asset_that_the_client_has_is_304(demo: DemoAccount, asset: Media) -> None:
    tag = _ask(demo, asset).headers["ETag"]
    answer = _ask(demo, asset, **{"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert _ask(demo, asset, **{"If-None-Match": '"another"'}).status_code == 200
