"""Which API is used, with which token, and the errors if that is missing or wrong."""

import json
from pathlib import Path

import pytest

from imagecache_cli.access import Access, Engine, Wanted, find_access, find_engine
from imagecache_cli.errors import SettingsError
from tests.cli.conftest import Command, RunningClone
from tests.cli.contract import STATS
from tests.cli.fake_api import ADMIN_TOKEN, READ_TOKEN, FakeApi

ENVIRONMENT = {"IMAGECACHE_URL": "https://d111.cloudfront.net/", "IMAGECACHE_TOKEN": "of-environment"}


def test_an_option_overrides_its_environment_variable(tmp_path: Path) -> None:
    wanted = Wanted(url="http://127.0.0.1:8080/", token="of-option")

    assert find_access(Wanted(), environment=ENVIRONMENT, folder=tmp_path) == Access(
        "https://d111.cloudfront.net", "of-environment"
    )
    assert find_access(wanted, environment=ENVIRONMENT, folder=tmp_path) == Access(
        "http://127.0.0.1:8080", "of-option"
    )


def test_local_uses_the_running_clone_around_the_working_folder(
    api: FakeApi, imagecache: Command, running_clone: RunningClone
) -> None:
    running_clone(
        imagecache.folder, {"url": f"{api.url}/", "readToken": READ_TOKEN, "adminToken": ADMIN_TOKEN}
    )
    imagecache.folder = imagecache.folder / "docs" / "deep"
    api.answer("GET /api/stats", STATS)

    ran = imagecache("--local", "stats", environment={**ENVIRONMENT, "IMAGECACHE_TOKEN": "stale"})

    assert ran.code == 0
    assert api.requests[0].token == f"Bearer {ADMIN_TOKEN}"


def test_local_works_from_any_folder_with_the_clone_that_the_command_is_part_of(
    api: FakeApi, imagecache: Command, tmp_path: Path, running_clone: RunningClone
) -> None:
    imagecache.folder = tmp_path / "elsewhere"
    imagecache.clone.mkdir()
    running_clone(imagecache.clone, {"url": api.url, "readToken": READ_TOKEN, "adminToken": ADMIN_TOKEN})
    api.answer("GET /api/stats", STATS)

    assert imagecache("--local", "stats", environment={}).code == 0


def test_local_prefers_the_clone_around_the_working_folder_to_the_commands_own(
    tmp_path: Path, running_clone: RunningClone
) -> None:
    for name in ("here", "own"):
        (tmp_path / name).mkdir()
        engine = {"endpoint": "http://127.0.0.1:1", "region": "eu-west-1", "stack": name, "sessionToken": "t"}
        content = {"url": "http://127.0.0.1:1", "adminToken": name, "engine": engine}
        running_clone(tmp_path / name, content)

    here = tmp_path / "here"
    own = tmp_path / "own"

    assert find_access(Wanted(local=True), environment={}, folder=here, clone=own).token == "here"
    assert find_access(Wanted(local=True), environment={}, folder=tmp_path, clone=own).token == "own"
    assert find_engine(tmp_path, own) == Engine("http://127.0.0.1:1", "eu-west-1", "own", "t")


@pytest.mark.parametrize(
    ("missing", "named"),
    [("IMAGECACHE_URL", "set IMAGECACHE_URL"), ("IMAGECACHE_TOKEN", "set IMAGECACHE_TOKEN")],
)
def test_a_missing_setting_is_named_in_one_line(imagecache: Command, missing: str, named: str) -> None:
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
        ('{"adminToken": "t"}', "wait until `make run` says that it is ready"),
    ],
)
def test_local_without_a_running_clone_says_how_to_start_one(
    tmp_path: Path, running_clone: RunningClone, content: str | None, said: str
) -> None:
    if content is not None:
        running_clone(tmp_path, content)

    with pytest.raises(SettingsError, match=said):
        find_access(Wanted(local=True), environment={}, folder=tmp_path)


@pytest.mark.parametrize("was_killed", [False, True])
def test_a_stack_that_has_stopped_gets_no_token(api: FakeApi, imagecache: Command, was_killed: bool) -> None:
    """Whatever listens on its port now. A run that was killed has left its lock file, which is not locked."""
    state = imagecache.folder / ".local"
    engine = {"endpoint": api.url, "region": "eu-west-1", "stack": "imagecache", "sessionToken": "t"}
    content = {"url": api.url, "readToken": READ_TOKEN, "adminToken": ADMIN_TOKEN, "engine": engine}
    state.mkdir()
    (state / "access.json").write_text(json.dumps(content))
    if was_killed:
        (state / "run.lock").write_text("process 1")

    ran = imagecache("--local", "stats", environment={})

    assert (ran.code, ran.out, api.requests) == (2, "", [])
    assert f"`make run` is not running in {imagecache.folder}: start it first" in ran.err
    with pytest.raises(SettingsError, match="is not running"):
        find_engine(imagecache.folder)


@pytest.mark.parametrize("wanted", [Wanted(local=True, url="https://a.b"), Wanted(local=True, token="t")])
def test_local_refuses_another_address_or_token(tmp_path: Path, wanted: Wanted) -> None:
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
def test_an_invalid_address_is_refused_without_repeating_it(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refusal:
        find_access(Wanted(url=url, token="t"), environment={}, folder=tmp_path)

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "umläut"])
def test_a_token_with_invalid_characters_is_refused_without_repeating_it(tmp_path: Path, token: str) -> None:
    with pytest.raises(SettingsError, match="copy it again") as refusal:
        find_access(Wanted(url="https://a.b", token=token), environment={}, folder=tmp_path)

    assert token not in str(refusal.value)
