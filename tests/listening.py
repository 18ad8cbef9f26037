"""Finds out on which addresses processes listen, as Linux shows it in /proc."""

import contextlib
import re
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

_LISTENS = "0A"  # the state in /proc/net/tcp


def listening_addresses(processes: Iterable[int]) -> set[tuple[str, int]]:
    """Returns address and port of every TCP socket on which one of the processes listens.

    An IPv6 address is written in hexadecimal. Skips the test where there is no /proc.
    """
    if not Path("/proc/net/tcp").exists():
        pytest.skip("listening sockets are read from Linux's /proc")
    sockets = {inode for process in processes for inode in _sockets(process)}
    return {address for inode, address in _listeners() if inode in sockets}


def with_descendants(process: int) -> set[int]:
    """Returns a process id and those of all processes that it has started, and so on."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # a process may end while it is read
                status = (folder / "status").read_text()
                parents[int(folder.name)] = int(re.findall(r"^PPid:\s+(\d+)", status, re.MULTILINE)[0])
    family = {process}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def _sockets(process: int) -> Iterable[str]:
    for descriptor in Path("/proc", str(process), "fd").iterdir():
        with contextlib.suppress(OSError):  # it may be closed while it is read
            if match := re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink())):
                yield match[1]


def _listeners() -> Iterable[tuple[str, tuple[str, int]]]:
    """Yields the inode and the address of every listening socket of the machine."""
    for name in ("tcp", "tcp6"):
        for line in Path("/proc/net", name).read_text().splitlines()[1:]:
            fields = line.split()
            address, port = fields[1].split(":")
            if fields[3] == _LISTENS:
                shown = socket.inet_ntoa(bytes.fromhex(address)[::-1]) if name == "tcp" else address
                yield fields[9], (shown, int(port, 16))
