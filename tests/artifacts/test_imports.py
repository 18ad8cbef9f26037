"""Every function starts with nothing but its own folder, its layers and its settings."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.settings import template_settings

FUNCTIONS = [
    "SyncFunction",
    "CacherFunction",
    "ReadFunction",
    "AdminFunction",
    "JobsFunction",
    "ContactsFunction",
    "CleanupFunction",
]
IMPORT = "import sys; sys.path[:0] = sys.argv[1:]; import app; print(app.handler.__module__)"
LIST_MODULES = IMPORT.replace("app.handler.__module__", "*sys.modules, sep='\\n'")


@dataclass(frozen=True, slots=True)
class Lambda:
    """Imports functions as Lambda does. Writes bytecode elsewhere, so that the artifacts do not change."""

    build: Path
    template: dict[str, Any]
    layers: dict[str, Path]
    bytecode: Path

    def start(
        self,
        function: str,
        layers: dict[str, Path] | None = None,
        *,
        options: Sequence[str] | None = None,
        code: str = IMPORT,
    ) -> "subprocess.CompletedProcess[str]":
        properties = self.template["Resources"][function]["Properties"]
        used = [*self.template["Globals"]["Function"]["Layers"], *properties.get("Layers", [])]
        folder = (self.build / properties["CodeUri"]).resolve()
        path = [folder, *((layers or self.layers)[layer["Ref"]] for layer in used)]
        if options is None:
            options = ["-X", f"pycache_prefix={self.bytecode}"]
        return subprocess.run(  # noqa: S603 - this interpreter, our own code
            # -I -S: no site-packages, no current folder, no PYTHONPATH
            [
                sys.executable,
                "-I",
                "-S",
                *options,
                "-c",
                code,
                *map(str, path),
            ],
            env=self._environment(function),
            capture_output=True,
            text=True,
            check=False,
        )

    def _environment(self, function: str) -> dict[str, str]:
        return template_settings(self.template, function) | {
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_LAMBDA_FUNCTION_NAME": function,
        }


@pytest.fixture
def runtime(
    build: Path,
    template: dict[str, Any],
    host_layers: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Lambda:
    bytecode = tmp_path_factory.getbasetemp() / "bytecode"
    return Lambda(build, template, host_layers, bytecode)


def without(package: str, layer: Path, into: Path) -> Path:
    """Returns a copy of the layer without one package."""
    remaining = [entry for entry in layer.iterdir() if entry.name != package]
    assert len(remaining) == len(list(layer.iterdir())) - 1
    for entry in remaining:
        os.symlink(entry, into / entry.name)
    return into


def test_all_functions_are_tried(template: dict[str, Any]) -> None:
    kinds = {name: resource["Type"] for name, resource in template["Resources"].items()}

    assert sorted(FUNCTIONS) == sorted(
        name for name, kind in kinds.items() if kind == "AWS::Serverless::Function"
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_starts_with_nothing_but_its_artifacts(runtime: Lambda, function: str) -> None:
    started = runtime.start(function)

    assert (started.stderr, started.stdout) == ("", "app\n")


def test_a_list_of_chats_is_served_without_what_only_other_work_needs(runtime: Lambda) -> None:
    modules = set(runtime.start("ReadFunction", code=LIST_MODULES).stdout.split())

    assert "imagecache.api.chats" in modules
    unneeded = {"botocore.client", "urllib3", "requests", "pynamodb", "PIL", "imagecache.api.read"}
    assert modules & unneeded == set()


@pytest.mark.skipif(sys.version_info[:2] != (3, 13), reason="only Python 3.13 reads the bytecode of 3.13")
@pytest.mark.parametrize("function", ["ReadFunction", "CacherFunction", "SyncFunction"])
def test_a_cold_start_compiles_nothing_of_the_layers(runtime: Lambda, function: str) -> None:
    """Python names each module that it reads from bytecode, and each that it has to compile."""
    started = runtime.start(function, options=["-B", "-v"])

    assert started.returncode == 0
    compiled = re.findall(r"^# code object from '?([^'\n]+\.py)'?$", started.stderr, re.MULTILINE)
    assert [Path(path).name for path in compiled if "/python3.13/" not in path] == ["app.py"]
    assert len(re.findall(r"^# code object from '?.*\.pyc'?$", started.stderr, re.MULTILINE)) > 100


@pytest.mark.parametrize(
    ("function", "layer", "package"),
    [
        ("ReadFunction", "DependenciesLayer", "orjson"),
        ("SyncFunction", "DomainLayer", "imagecache"),
        ("CacherFunction", "ImagingLayer", "PIL"),
    ],
)
def test_a_function_does_not_start_without_a_package_of_its_layer(
    runtime: Lambda, tmp_path: Path, function: str, layer: str, package: str
) -> None:
    layers = runtime.layers | {layer: without(package, runtime.layers[layer], tmp_path)}

    started = runtime.start(function, layers)

    assert started.stderr.splitlines()[-1] == f"ModuleNotFoundError: No module named '{package}'"
    assert started.returncode == 1
