"""AWS's own DynamoDB Local, where it can run: fetched once, never kept with us (AWS's licence).

It listens on all interfaces and has no option to change that, so it gets a network of its own, which has
nothing but a loopback: whoever talks to it must run in there too (`tests/engine/claim_race.py`).
"""

import base64
import contextlib
import fcntl
import hashlib
import shutil
import socket
import struct
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from local.template import ROOT

PACKAGE = "amplify-dynamodb-simulator@2.9.30"  # npm: AWS Amplify's packaging of the jar
SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
NOT_HERE = "DynamoDB Local needs Java, npm, its package and a network of its own"
"""The reason for which tests are skipped. With CI=true they fail instead."""

# --kill-child: however the caller ends, nothing in there outlives it.
OWN_NETWORK = ("unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child")
_FETCH_SECONDS = 120
_START_SECONDS = 30.0
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def emulator() -> Path | None:
    """The folder with its jar, fetched the first time; None where it cannot run."""
    if not all(map(shutil.which, ("java", "npm", "unshare"))):
        return None
    if subprocess.run([*OWN_NETWORK, "true"], check=False, capture_output=True).returncode:  # noqa: S603 - fixed arguments
        return None
    folder = ROOT / ".local" / "dynamodb-local" / hashlib.sha256(SHA512.encode()).hexdigest()[:12]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not folder.exists() and not _fetch(folder):
            return None
    return folder / "package" / "emulator"


def _fetch(folder: Path) -> bool:
    """False where npm's registry cannot be reached; what comes from it must be what was pinned."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as unpacked:
        pack = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", unpacked]
        try:
            subprocess.run(  # noqa: S603 - fixed arguments
                pack, check=True, capture_output=True, cwd=unpacked, timeout=_FETCH_SECONDS
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return False
        [archive] = Path(unpacked).glob("*.tgz")
        found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        assert found == SHA512, f"{PACKAGE} is not what was pinned"
        with tarfile.open(archive) as content:
            # Python 3.11.2, which Debian has, knows no filters; what is unpacked is pinned either way.
            content.extraction_filter = getattr(tarfile, "data_filter", None)
            content.extractall(unpacked)  # noqa: S202 - its hash is pinned
        archive.unlink()
        shutil.copytree(unpacked, folder)
    return True


@contextlib.contextmanager
def dynamodb_local(emulator: Path, *, port: int = 8000) -> Iterator[str]:
    """Run it, inside a network of its own; the endpoint's URL."""
    _bring_loopback_up()
    java = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    library = f"-Djava.library.path={emulator / 'DynamoDBLocal_lib'}"
    program = ["-jar", str(emulator / "DynamoDBLocal.jar"), "-inMemory", "-sharedDb", "-disableTelemetry"]
    command = [*java, "-Djava.net.preferIPv4Stack=true", library, *program, "-port", str(port)]
    with subprocess.Popen(  # noqa: S603 - fixed arguments
        command,
        cwd=emulator,  # it leaves a file where it is started
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_until_it_answers(process, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _bring_loopback_up() -> None:
    """`ip link set lo up`, which not every machine has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        _, flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "DynamoDB Local ended by itself"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError("DynamoDB Local does not answer")
