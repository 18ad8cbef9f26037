"""Runs tests that share a build or a running stack in one process of pytest-xdist."""

from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # ships no types

# The tests of each of these folders, and of this file, share something that takes long to make.
GROUPS = ("artifacts", "end_to_end", "engine", "page", "test_memory.py")


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist ships no types
    """Gives each group to one process, the largest group first, and other tests one by one to a free process.

    The mark `xdist_group` has no effect: pytest-xdist 3.8 writes the group into an attribute of a test that
    pytest 9.2 no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = PurePosixPath(nodeid.partition("::")[0]).parts
        return next((group for group in GROUPS if group in path), nodeid)


@pytest.hookimpl(optionalhook=True)  # Without pytest-xdist there is no such hook.
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> GroupScheduling:
    return GroupScheduling(config, log)
