"""The layers as they would be uploaded are complete, for Lambda's machines, and contain nothing else."""

import json
import re
import struct
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

from tests.artifacts.conftest import ROOT, SIZES

AARCH64 = 183  # e_machine in the ELF header
X86_64 = 62
EXTENSION = re.compile(r"\.cpython-(?P<python>\d+)-(?P<machine>\w+)-linux-gnu\.so$")
LAMBDA_GLIBC = (2, 34)  # Amazon Linux 2023
RUNTIME = (3, 13)
UNCHECKED_HASH = b"\x01\0\0\0"  # PEP 552
# Actions of policies that have another name than the operation.
OPERATIONS = {
    "dynamodb:PartiQLDelete": "dynamodb:BatchExecuteStatement",
    "dynamodb:PartiQLInsert": "dynamodb:BatchExecuteStatement",
    "dynamodb:PartiQLUpdate": "dynamodb:BatchExecuteStatement",
    "lambda:InvokeFunction": "lambda:Invoke",
    "s3:DeleteObject": "s3:DeleteObjects",
    "s3:DeleteObjectVersion": "s3:DeleteObjects",
    "s3:ListBucketVersions": "s3:ListObjectVersions",
}
MEGABYTE = 1_000_000


def foreign_libraries(folder: Path) -> list[str]:
    """Returns the native files that Lambda's Python 3.13 on arm64 would not load."""
    libraries = [path for path in folder.rglob("*") if re.search(r"\.(?:so|pyd|dylib)(?:$|\.)", path.name)]
    return sorted(str(path.relative_to(folder)) for path in libraries if not _loads(path))


def _loads(library: Path) -> bool:
    header = library.read_bytes()[:20]
    if len(header) < 20 or header[:6] != b"\x7fELF\x02\x01":  # 64 bits, little-endian
        return False
    (machine,) = struct.unpack_from("<H", header, 18)
    extension = EXTENSION.search(library.name)
    made_for = (extension["python"], extension["machine"]) if extension else ("313", "aarch64")
    return bool(machine == AARCH64 and made_for == ("313", "aarch64"))


def unwanted(folder: Path) -> list[str]:
    """Returns bytecode of another Python or without its source, scripts, and tests."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.name in {"test", "tests", "bin"} or (path.suffix == ".pyc" and not _is_wanted(path))
    )


def _is_wanted(bytecode: Path) -> bool:
    source = bytecode.parent.parent / bytecode.name.replace(".cpython-313.pyc", ".py")
    return bytecode.parent.name == "__pycache__" and source.is_file()


def bytecode_of(source: Path) -> Path:
    return source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"


def distributions(folder: Path) -> list[str]:
    """Returns the names and versions of what pip installed."""
    metadata = [HeaderParser().parsestr(path.read_text()) for path in folder.glob("*.dist-info/METADATA")]
    return sorted(f"{entry['Name'].lower().replace('_', '-')}=={entry['Version']}" for entry in metadata)


def test_every_layer_is_built(layers: dict[str, Path]) -> None:
    assert set(layers) >= {"DependenciesLayer", "DomainLayer", "ImagingLayer"}
    for name, folder in layers.items():
        assert [path.name for path in folder.parent.iterdir()] == ["python"], name
        assert list(folder.iterdir()), name


@pytest.mark.parametrize("layer", ["dependencies", "imaging"])
def test_a_layer_holds_what_its_lock_file_names(layers: dict[str, Path], layer: str) -> None:
    locked = re.findall(
        r"^([\w.-]+==[^ ]+)", (ROOT / "layers" / layer / "requirements.txt").read_text(), re.MULTILINE
    )

    assert distributions(layers[f"{layer.capitalize()}Layer"]) == sorted(locked)


def test_every_module_of_our_own_package_is_shipped(layers: dict[str, Path]) -> None:
    written = ROOT / "layers/domain"
    modules = {path.relative_to(written) for path in written.rglob("*.py")}
    shipped = {
        path.relative_to(layers["DomainLayer"])
        for path in layers["DomainLayer"].rglob("*.*")
        if path.suffix != ".pyc"
    }

    assert Path("imagecache/config.py") in modules
    assert shipped == modules


def test_native_code_is_for_lambdas_machine_and_python(layers: dict[str, Path]) -> None:
    assert list(layers["ImagingLayer"].glob("PIL/_imaging.cpython-313-aarch64-linux-gnu.so"))
    assert [library for folder in layers.values() for library in foreign_libraries(folder)] == []


def test_native_code_needs_no_newer_libc_than_lambda_has(layers: dict[str, Path]) -> None:
    tags = {
        wheel.parent.name: re.findall(
            r"^Tag: .*manylinux_(\d+)_(\d+)_aarch64$", wheel.read_text(), re.MULTILINE
        )
        for folder in layers.values()
        for wheel in folder.glob("*.dist-info/WHEEL")
    }
    needed = {
        name: min((int(major), int(minor)) for major, minor in versions)
        for name, versions in tags.items()
        if versions
    }

    assert any(name.startswith("pillow") for name in needed)
    assert {name for name, glibc in needed.items() if glibc > LAMBDA_GLIBC} == set()


def test_nothing_is_shipped_that_never_runs(layers: dict[str, Path]) -> None:
    assert [path for folder in layers.values() for path in unwanted(folder)] == []


@pytest.mark.skipif(sys.version_info[:2] != RUNTIME, reason="only Python 3.13 writes its bytecode")
def test_every_module_has_bytecode_that_is_never_compared_with_its_source(layers: dict[str, Path]) -> None:
    """Comparing takes time, and the time of a source is not the same after an upload."""
    modules = [path for folder in layers.values() for path in folder.rglob("*.py")]
    assert len(modules) > 500
    assert [path for path in modules if not bytecode_of(path).is_file()] == []
    beginnings = {bytecode_of(path).read_bytes()[:8] for path in modules}
    assert beginnings == {MAGIC_NUMBER + UNCHECKED_HASH}


def test_bytecode_names_the_file_where_lambda_has_it(layers: dict[str, Path]) -> None:
    bytecode = bytecode_of(layers["DomainLayer"] / "imagecache/config.py")
    if sys.version_info[:2] == RUNTIME:
        assert b"/opt/python/imagecache/config.py" in bytecode.read_bytes()
    else:
        assert not bytecode.exists()


def test_a_layer_that_another_python_builds_has_no_bytecode_and_says_so(tmp_path: Path) -> None:
    other = tmp_path / "python3.99"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    built = subprocess.run(  # noqa: S603 - our own Makefile
        ["make", "build-DomainLayer", f"PYTHON={other}", f"ARTIFACTS_DIR={tmp_path}/layer"],  # noqa: S607 - wherever it is
        cwd=ROOT / "layers/domain",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "warning: this layer has no bytecode" in built.stderr
    assert list((tmp_path / "layer").rglob("config.py"))
    assert not list((tmp_path / "layer").rglob("*.pyc"))


def test_no_package_is_shipped_twice(layers: dict[str, Path]) -> None:
    """Lambda unpacks layers into one folder, where the second of two packages would replace the first."""
    shipped = [
        entry.name for folder in layers.values() for entry in folder.iterdir() if entry.name != "__pycache__"
    ]
    names = [
        distribution.split("==")[0] for folder in layers.values() for distribution in distributions(folder)
    ]

    assert sorted(shipped) == sorted(set(shipped))
    assert names == list(dict.fromkeys(names))


def test_a_function_with_its_layers_fits_into_lambda(
    layers: dict[str, Path], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    sizes = {name: (unpacked_size(folder), zipped_size(folder, tmp_path)) for name, folder in layers.items()}
    pytestconfig.stash[SIZES] = sizes

    assert sum(unpacked for unpacked, _ in sizes.values()) < 250 * MEGABYTE  # Lambda's limit
    assert sizes["DependenciesLayer"][1] < 4.5 * MEGABYTE  # every cold start unpacks it
    assert sizes["ImagingLayer"][1] < 15 * MEGABYTE


def test_the_clients_have_every_operation_that_a_function_may_call(layers: dict[str, Path]) -> None:
    template = (ROOT / "template.yaml").read_text()
    actions = set(re.findall(r"\b(?:cloudfront|dynamodb|lambda|s3|sqs|ssm):[A-Z]\w+", template))
    descriptions = (layers["DependenciesLayer"] / "botocore/data").glob("*/*/service-2.json")
    operations = {
        f"{path.parent.parent.name}:{name}"
        for path in descriptions
        for name in json.loads(path.read_text())["operations"]
    }

    assert len(actions) > 10
    conditions = {"dynamodb:LeadingKeys"}
    of_the_agent = {"lambda:GetFunctionConfiguration"}  # its clients are those of boto3
    called = actions - conditions - of_the_agent
    assert {OPERATIONS.get(action, action) for action in called} <= operations


def unpacked_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def zipped_size(folder: Path, into: Path) -> int:
    archive = into / f"{folder.parent.name}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in folder.rglob("*"):
            packed.write(path, path.relative_to(folder.parent))
    return archive.stat().st_size


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01" + bytes(12) + struct.pack("<H", machine) + bytes(44)


def test_code_for_another_machine_or_python_is_found(tmp_path: Path) -> None:
    files = {
        "right.cpython-313-aarch64-linux-gnu.so": elf(AARCH64),
        "right.abi3.so": elf(AARCH64),
        "right.libs/libjpeg.so.62": elf(AARCH64),
        "other_machine.libs/libjpeg.so.62": elf(X86_64),
        "other_machine.cpython-313-aarch64-linux-gnu.so": elf(X86_64),
        "other_name.cpython-313-x86_64-linux-gnu.so": elf(AARCH64),
        "other_python.cpython-311-aarch64-linux-gnu.so": elf(AARCH64),
        "other_system.dylib": b"\xcf\xfa\xed\xfe" + bytes(60),
        "truncated.so": b"\x7fELF",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)

    assert foreign_libraries(tmp_path) == [
        "other_machine.cpython-313-aarch64-linux-gnu.so",
        "other_machine.libs/libjpeg.so.62",
        "other_name.cpython-313-x86_64-linux-gnu.so",
        "other_python.cpython-311-aarch64-linux-gnu.so",
        "other_system.dylib",
        "truncated.so",
    ]


def test_bytecode_tests_and_scripts_are_found(tmp_path: Path) -> None:
    for name in (
        "package/module.py",
        "package/__pycache__/module.cpython-313.pyc",
        "package/__pycache__/module.cpython-311.pyc",
        "package/__pycache__/gone.cpython-313.pyc",
        "package/tests/test_module.py",
        "bin/script",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    assert unwanted(tmp_path) == [
        "bin",
        "package/__pycache__/gone.cpython-313.pyc",
        "package/__pycache__/module.cpython-311.pyc",
        "package/tests",
    ]
