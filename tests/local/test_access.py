"""`.local/access.json`, which holds what opens the stack."""

import json
from pathlib import Path

from local.access import local_access, tell_engine


def test_the_file_is_for_its_user_alone_and_forgets_the_engine_of_the_last_run(tmp_path: Path) -> None:
    file = tmp_path / "access.json"
    access = local_access(file, "http://127.0.0.1:8080/")
    tell_engine(file, endpoint="http://127.0.0.1:4000", region="eu-west-1", token="t", stack="s")
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["engine"] == {
        "endpoint": "http://127.0.0.1:4000",
        "region": "eu-west-1",
        "sessionToken": "t",
        "stack": "s",
    }
    assert local_access(file, "http://127.0.0.1:8080/") == access
    assert file.stat().st_mode & 0o777 == 0o600
    assert "engine" not in json.loads(file.read_text())
