"""Which API is asked, with which token, and what is said when that cannot be told."""

import json
from pathlib import Path

import pytest

from imagecache_cli.access import Access, Wanted, find_access
from imagecache_cli.errors import SettingsError
from tests.cli.conftest import Command
from tests.cli.contract import STATS
from tests.cli.fake_api import ADMIN_TOKEN, READ_TOKEN, FakeApi

ENVIRONMENT = {"IMAGECACHE_URL": "https://d111.cloudfront.net/", "IMAGECACHE_TOKEN": "of-environment"}


def test_the_environment_says_where_and_an_option_beats_it(tmp_path: Path) -> None:
    wanted = Wanted(url="http://127.0.0.1:8080/", token="of-option")

    assert find_access(Wanted(), environment=ENVIRONMENT, folder=tmp_path) == Access(
        "https://d111.cloudfront.net", "of-environment"
    )
    assert find_access(wanted, environment=ENVIRONMENT, folder=tmp_path) == Access(
        "http://127.0.0.1:8080", "of-option"
    )


def test_local_is_the_running_clone_around_the_working_folder(api: FakeApi, imagecache: Command) -> None:
    _write_local(
        imagecache.folder, {"url": f"{api.url}/", "readToken": READ_TOKEN, "adminToken": ADMIN_TOKEN}
    )
    imagecache.folder = imagecache.folder / "docs" / "deep"
    api.answer("GET /api/stats", STATS)

    ran = imagecache("--local", "stats", environment={**ENVIRONMENT, "IMAGECACHE_TOKEN": "stale"})

    assert ran.code == 0
    assert api.asked[0].token == f"Bearer {ADMIN_TOKEN}"


@pytest.mark.parametrize(
    ("missing", "named"),
    [("IMAGECACHE_URL", "set IMAGECACHE_URL"), ("IMAGECACHE_TOKEN", "set IMAGECACHE_TOKEN")],
)
def test_what_is_missing_is_named_in_one_line(imagecache: Command, missing: str, named: str) -> None:
    del imagecache.environment[missing]

    ran = imagecache("stats")

    assert (ran.code, ran.out) == (2, "")
    assert named in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "start `make run` in the clone first"),
        ("{", "start `make run` again"),
        ("[]", "start `make run` again"),
        ('{"url": "http://127.0.0.1:1/"}', "start `make run` again"),
        ('{"url": "http://127.0.0.1:1/", "adminToken": 5}', "start `make run` again"),
    ],
)
def test_a_clone_that_does_not_run_is_said_to_be_so(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        _write_local(tmp_path, content)

    with pytest.raises(SettingsError, match=said):
        find_access(Wanted(local=True), environment={}, folder=tmp_path)


@pytest.mark.parametrize("wanted", [Wanted(local=True, url="https://a.b"), Wanted(local=True, token="t")])
def test_local_goes_with_no_other_address_or_token(tmp_path: Path, wanted: Wanted) -> None:
    with pytest.raises(SettingsError, match="leave out --url and --token"):
        find_access(wanted, environment={}, folder=tmp_path)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("d111.cloudfront.net", "is not an address"),
        ("ftp://d111.cloudfront.net", "is not an address"),
        ("https://", "is not an address"),
        ("https://a.b:port", "is not an address"),
        ("https://[::1", "is not an address"),
        ("https://a.b\n/", "is not an address"),
        ("http://d111.cloudfront.net", "must begin with https://"),
        ("http://127.0.0.1:8080/#token=secret", "address only"),
        ("https://a.b/?token=secret", "address only"),
        ("https://secret@a.b/", "address only"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused_without_repeating_it(
    tmp_path: Path, url: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said) as refusal:
        find_access(Wanted(url=url, token="t"), environment={}, folder=tmp_path)

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "umläut"])
def test_a_token_with_foreign_characters_is_refused_without_repeating_it(tmp_path: Path, token: str) -> None:
    with pytest.raises(SettingsError, match="copy it again") as refusal:
        find_access(Wanted(url="https://a.b", token=token), environment={}, folder=tmp_path)

    assert token not in str(refusal.value)


def test_no_token_stands_in_a_representation() -> None:
    assert "secret" not in repr(Access("https://a.b", "secret")) + repr(Wanted(token="secret"))


def _write_local(folder: Path, content: object) -> None:
    (folder / ".local").mkdir()
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / ".local" / "access.json").write_text(text)
