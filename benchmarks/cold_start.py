"""`make bench ONLY=coldStart` measures whole processes: import of a function, its start and its first event.

Each function runs from the layers that its Makefiles build, as for a deployment but for this machine, and
from naive layers: the same packages and boto3 as pip installs them, without bytecode, as `sam build` leaves
them. Both run the same handlers, in turn, on the tables, queues and secrets of a deployed local stack, over
plain HTTP: on AWS, TLS is added to both. Lambda's folders are read-only, so neither writes bytecode.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, distribution
from pathlib import Path
from time import monotonic
from typing import Any

import boto3

from benchmarks.deployed import deployed_config, deployed_settings
from benchmarks.processes import ProcessCost, ProcessFailedError, measured
from benchmarks.results import Result, Target
from demo.dex import FakeDex
from demo.listener import Listener
from demo.service import DemoAccount
from imagecache.clock import now
from imagecache.model.image import ImageMessage
from imagecache.queues.images import to_body
from local.deploy import DeployedStack
from local.engine import REGION
from local.stack import local_stack
from local.template import ROOT, TEMPLATE, read_template
from tests.artifacts.emulator import emulator

_DEMO_SCALE = 0.5  # enough chats for a full first page
_CHATS = 50
_ROUNDS = 5
_ROUNDS_WITHOUT_TARGET = 2
_EMULATOR_ROUNDS = 2
_LAYERS = {
    "DependenciesLayer": "dependencies",
    "ImagingLayer": "imaging",
    "DomainLayer": "domain",
}
_RUN = """\
import json, os, sys
sys.path[:0] = sys.argv[3:]
import app

class Context:
    function_name = invoked_function_arn = aws_request_id = "measured"
    memory_limit_in_mb = 512
    def get_remaining_time_in_millis(self):
        return 900_000

answer = app.handler(json.loads(sys.argv[1]), Context())
# What the operating system counts as the peak begins with that of the process that started this one.
with open("/proc/self/status") as status:
    [peak] = [line.split()[1] for line in status if line.startswith("VmHWM")]
with open(sys.argv[2], "w") as file:
    print(peak, answer, sep="\\n", file=file)
sys.stdout.flush()
os._exit(0)  # Lambda does not tear down a process after an event either
"""
_NAIVE_CLIENTS = """\
import boto3

def function_clients(_environment, **_):
    return boto3.client
"""


@dataclass(frozen=True, slots=True)
class _Function:
    """A function, its first event, and its targets: the ratio to the naive build, and CPU seconds."""

    name: str
    event: str
    ratio: float | None = None
    cpu_seconds: float | None = None

    @property
    def logical_id(self) -> str:
        return f"{self.name.capitalize()}Function"


# The first start of sync stores the chats that read then answers with.
_FUNCTIONS = (
    _Function("sync", "schedule", ratio=0.16, cpu_seconds=0.130),
    _Function("cacher", "images", ratio=0.21, cpu_seconds=0.130),
    _Function("read", "chats", ratio=0.17, cpu_seconds=0.125),
    _Function("admin", "forget"),
    _Function("jobs", "job"),
    _Function("contacts", "schedule"),
    _Function("cleanup", "schedule"),
)
_MOST_MEBIBYTES = 40
_FIRST_PAGE_SECONDS = 0.20
_MOST_MEGABYTES = 4.5


def run() -> Result:
    """Returns the costs of the cold start of every function, and the targets of those that have some."""
    with tempfile.TemporaryDirectory() as name, DemoAccount(scale=_DEMO_SCALE) as demo:
        folder = Path(name)
        builds = {"deployed": _deployed_layers(folder / "deployed"), "naive": _naive_layers(folder / "naive")}
        megabytes = _megabytes_for_lambda(folder / "lambda")
        parameters = {"BeeperUrl": demo.beeper_url, "SyncState": "DISABLED"}
        secrets = {
            "beeper-token": demo.beeper_token,
            "read-token": "r3ad",
            "admin-token": "4dmin",
            "dex-api-key": "d3x",
        }
        with (
            _dex() as dex_url,
            local_stack(folder / "stack", parameters=parameters, secrets=secrets) as stack,
        ):
            source_url = f"mxc://{demo.account.deliverable()[0]}"
            starts = _Starts(stack, builds, dex_url, source_url, folder / "result")
            figures = {function.name: starts.of(function) for function in _FUNCTIONS}
            emulated = {
                function.name: starts.emulated(function, folder / "emulator")
                for function in _FUNCTIONS
                if function.name == "read"
            }
    targets = [
        *_targets(figures),
        Target("dependencies zip without Pillow", _MOST_MEGABYTES, megabytes, "MB"),
    ]
    return Result(
        {
            "answeredBy": "the embedded engine and the demo account, over HTTP without TLS",
            "functions": figures,
            "runtimeInterfaceEmulator": emulated,
            "firstPage": {"functions": ["read"], "cpuSeconds": figures["read"]["deployed"]["cpuSeconds"]},
            "authorizer": "no longer exists: read and admin check the token",
            "dependenciesMegabytes": megabytes,
        },
        targets,
    )


def _targets(figures: Mapping[str, Any]) -> Iterator[Target]:
    for function in _FUNCTIONS:
        if function.ratio is None or function.cpu_seconds is None:
            continue
        figure, what = figures[function.name], f"cold start of {function.name}"
        seconds = figure["deployed"]["cpuSeconds"]["median"]
        of_naive = Target(f"{what}, of the naive build", function.ratio, figure["cpuRatio"], "")
        cpu = Target(f"{what}, CPU", function.cpu_seconds, seconds, "s", takes_time=True)
        yield replace(of_naive, same_as=cpu)
        yield replace(cpu, same_as=of_naive)
        yield Target(f"{what}, memory", _MOST_MEBIBYTES, figure["deployed"]["peakMebibytes"], "MiB")
    first_page = figures["read"]["deployed"]["cpuSeconds"]["median"]
    yield Target("first page after idle, CPU", _FIRST_PAGE_SECONDS, first_page, "s", takes_time=True)


@dataclass(frozen=True, slots=True)
class _Starts:
    """Starts functions of a deployed stack from several builds of the layers, by the name of the build.

    `source_url` is a picture that the demo account has.
    """

    stack: DeployedStack
    builds: Mapping[str, Mapping[str, Path]]
    dex_url: str
    source_url: str
    result_file: Path

    def of(self, function: _Function) -> dict[str, Any]:
        """Returns the costs of a function with each build, and the ratio of their CPU times."""
        costs: dict[str, list[ProcessCost]] = {build: [] for build in self.builds}
        self._start(function, "deployed", 0)  # The first event may do what later ones find done.
        rounds = _ROUNDS if function.ratio else _ROUNDS_WITHOUT_TARGET
        for number in range(1, rounds + 1):
            for build, measurements in costs.items():
                measurements.append(self._start(function, build, number))
        ratios = [
            ours.cpu_seconds / naive.cpu_seconds
            for ours, naive in zip(costs["deployed"], costs["naive"], strict=True)
        ]
        figures = {build: _figures(measurements) for build, measurements in costs.items()}
        return {**figures, "cpuRatio": round(statistics.median(ratios), 3)}

    def _start(self, function: _Function, build: str, number: int) -> ProcessCost:
        event = json.loads((ROOT / "events" / f"{function.event}.json").read_text())
        image_key = f"cold/{build}.{number}"  # An image that is cached already would not be downloaded.
        if function.event == "schedule":
            event["id"] = f"{function.name} {build} {number}"  # An event that is repeated is skipped.
        if function.event == "chats":
            event["queryStringParameters"] = {"limit": str(_CHATS)}
        if function.event == "images":
            [record] = event["Records"]
            record["body"] = to_body(ImageMessage(image_key, self.source_url, now()))
        # -I -S -B: nothing but the function and its layers is found, and no bytecode is written.
        command: list[str | Path] = [
            sys.executable,
            "-I",
            "-S",
            "-B",
            "-c",
            _RUN,
            json.dumps(event),
            self.result_file,
        ]
        search_path = [_code(function), *self._layers(function, build)]
        cost = measured([*command, *search_path], environment=self._environment(function))
        peak, _, answer = self.result_file.read_text().partition("\n")
        if function.event == "images":
            self._check_is_cached(image_key, function)
        if function.event == "chats" and (chats := answer.count('"chatId"')) != _CHATS:
            raise ProcessFailedError(f"{function.name} has answered with {chats} of {_CHATS} chats")
        return replace(cost, peak_mebibytes=int(peak) / 1024)

    def _check_is_cached(self, image_key: str, function: _Function) -> None:
        """Raises ProcessFailedError if the image is not cached: a start that does less would look better."""
        table = deployed_config(self.stack, function.logical_id).images_table
        dynamodb: Any = boto3.client("dynamodb", **self.stack.engine.access)
        item = dynamodb.get_item(TableName=table, Key={"imageKey": {"S": image_key}}).get("Item", {})
        if item.get("status") != {"S": "cached"}:
            raise ProcessFailedError(f"{function.name} has not cached the image: {item.get('reason')}")

    def emulated(self, function: _Function, folder: Path) -> dict[str, Any]:
        """Returns the milliseconds from an event to its answer in Lambda's own runtime, start included."""
        folder.mkdir(exist_ok=True)
        waits: dict[str, list[float]] = {build: [] for build in self.builds}
        event = json.loads((ROOT / "events" / f"{function.event}.json").read_text())
        for _ in range(_EMULATOR_ROUNDS):
            for build, milliseconds in waits.items():
                layers = self._layers(function, build)
                environment = self._environment(function)
                with emulator(_code(function), layers, folder, environment) as running:
                    started = monotonic()
                    running.invoke(event)
                    milliseconds.append((monotonic() - started) * 1000)
        return {build: {"milliseconds": _spread(values, digits=0)} for build, values in waits.items()}

    def _layers(self, function: _Function, build: str) -> list[Path]:
        template = read_template(TEMPLATE)
        own = template["Resources"][function.logical_id]["Properties"].get("Layers", [])
        used = [*template["Globals"]["Function"]["Layers"], *own]
        return [self.builds[build][layer["Ref"]] for layer in used]

    def _environment(self, function: _Function) -> dict[str, str]:
        return {
            **deployed_settings(self.stack, function.logical_id),
            **self.stack.engine.environment,
            "AWS_REGION": REGION,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "DEX_URL": self.dex_url,
            "DEX_API_KEY_PARAMETER": "/imagecache/dex-api-key",
        }


def _code(function: _Function) -> Path:
    return ROOT / "functions" / function.name


def _figures(costs: list[ProcessCost]) -> dict[str, Any]:
    return {
        "cpuSeconds": _spread([cost.cpu_seconds for cost in costs]),
        "wallSeconds": _spread([cost.wall_seconds for cost in costs]),
        "peakMebibytes": round(max(cost.peak_mebibytes for cost in costs), 1),
    }


def _spread(values: list[float], digits: int = 3) -> dict[str, float]:
    return {
        "min": round(min(values), digits),
        "median": round(statistics.median(values), digits),
        "max": round(max(values), digits),
    }


@contextmanager
def _dex() -> Iterator[str]:
    """Runs an address book without contacts, and yields its URL."""
    listener = Listener(0, FakeDex([], key="d3x"))
    listener.start()
    try:
        yield listener.url
    finally:
        listener.stop()


def _deployed_layers(folder: Path) -> dict[str, Path]:
    """Builds the layers for this machine, and returns what the runtime adds to Python's path."""
    for layer in _LAYERS:
        _make(layer, folder / layer, "PLATFORM=")
    return {layer: folder / layer / "python" for layer in _LAYERS}


def _megabytes_for_lambda(folder: Path) -> float:
    """Returns the size of the dependencies layer that a deployment uploads."""
    _make("DependenciesLayer", folder)
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in folder.rglob("*"):
            packed.write(path, path.relative_to(folder))
    return round(archive.stat().st_size / 1e6, 2)


def _make(layer: str, folder: Path, *variables: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    subprocess.run(
        ["make", f"build-{layer}", f"ARTIFACTS_DIR={folder}", f"PYTHON={sys.executable}", *variables],
        cwd=ROOT / "layers" / _LAYERS[layer],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _naive_layers(folder: Path) -> dict[str, Path]:
    """Copies the packages of this environment, which has the same locked versions, as pip installs them."""
    layers = {layer: folder / layer for layer in _LAYERS}
    for layer in ("DependenciesLayer", "ImagingLayer"):
        lock = (ROOT / "layers" / _LAYERS[layer] / "requirements.txt").read_text()
        names = [line.partition("==")[0] for line in lock.splitlines() if "==" in line]
        if layer == "DependenciesLayer":
            names += ["boto3", "s3transfer"]
        for name in names:
            _copy(distribution(name), layers[layer])
    ours = ROOT / "layers" / "domain" / "imagecache"
    package = layers["DomainLayer"] / "imagecache"
    shutil.copytree(ours, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "aws_requests.py").write_text(_NAIVE_CLIENTS)
    return layers


def _copy(package: Distribution, folder: Path) -> None:
    for file in package.files or ():
        if ".." not in file.parts and file.suffix != ".pyc":
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(str(package.locate_file(file))), target)
