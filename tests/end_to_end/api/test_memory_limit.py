"""A worker of the running stack that decodes pictures has a limit of its memory, as on AWS."""

import re
from pathlib import Path

import pytest

from local.template import read_template
from tests.end_to_end.api.conftest import Running

pytestmark = pytest.mark.engine


def test_the_running_cacher_limits_its_memory(running: Running) -> None:
    if not Path("/proc/self/limits").exists():
        pytest.skip("limits of processes are read from Linux's /proc")
    size = read_template()["Resources"]["CacherFunction"]["Properties"]["MemorySize"]
    limits = {
        re.findall(r"^Max data size +(\S+)", Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)[0]
        for pid in running.clone.processes()
        if b"AWS_LAMBDA_FUNCTION_NAME=imagecache-CacherFunction" in Path(f"/proc/{pid}/environ").read_bytes()
    }
    assert limits == {str((size - 128) * 1024 * 1024)}
