"""`.local/access.json` holds the tokens, and only its user may read it."""

import json
from pathlib import Path

import pytest

from local.access import add_demo_access, add_engine_access, load_or_make_access, remove_addresses

ADDRESS = "http://127.0.0.1:8080/"


def test_a_start_keeps_the_tokens_and_removes_the_engine_of_the_last_run(tmp_path: Path) -> None:
    file = tmp_path / "access.json"
    (tmp_path / "access.new").touch(mode=0o666)  # a killed run may have left it
    access = load_or_make_access(file, ADDRESS)
    add_engine_access(file, endpoint="http://127.0.0.1:4000", region="eu-west-1", token="t", stack="s")
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["engine"] == {
        "endpoint": "http://127.0.0.1:4000",
        "region": "eu-west-1",
        "sessionToken": "t",
        "stack": "s",
    }
    add_demo_access(file, {"url": "http://127.0.0.1:4001", "controlToken": "c"})
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["demo"] == {"url": "http://127.0.0.1:4001", "controlToken": "c"}
    remove_addresses(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text()).keys() == {"readToken", "adminToken"}
    assert load_or_make_access(file, ADDRESS) == access
    assert file.stat().st_mode & 0o777 == 0o600
    assert not {"engine", "demo"} & json.loads(file.read_text()).keys()


@pytest.mark.parametrize("content", [None, "", "[]", "{}"])
def test_a_file_without_tokens_is_left_as_it_is(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "access.json"
    if content is not None:
        file.write_text(content)
    remove_addresses(file)
    assert (file.read_text() if file.exists() else None) == content
