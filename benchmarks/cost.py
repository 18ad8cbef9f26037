"""`make bench ONLY=cost` counts the requests of a month, and prints the table of costs for README.md.

One sync, one page view, one request of an open tab and one sweep are run on the embedded engine, over the
demo account with its 183 chats, by the code of the deployed functions in this process. Their requests are
counted, and multiplied by how often each happens in the month that README describes. The time that functions
take on AWS cannot be measured here: it is assumed.
"""

import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import boto3
import requests

from benchmarks import prices
from benchmarks.deployed import deployed_config
from benchmarks.prices import Price
from benchmarks.results import Result
from demo.service import DemoAccount
from imagecache.api.http import Routes, serve
from imagecache.clock import now
from imagecache.model.access import Role
from imagecache.model.image import ImageStatus
from imagecache.model.job import CleanupOrder
from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.beeper.chats import ChatApi
from imagecache.wiring import MakeClient, Wiring
from local.deploy import DeployedStack
from local.stack import local_stack

_DAYS = 30
_TIME_LIMIT_MS = 900_000
_UNIT_BYTES = 4096
_SETTLED_WITHIN_SECONDS = 600

Units = dict[str, float]
"""Units of AWS's services, by their names: `readUnits`, `writeUnits`, `messages`, `objectReads`, `lists`."""

# How often each happens in a month.
TIMES = {
    "sync": _DAYS * 24 * 6,
    "completeSync": _DAYS,
    "pageView": 1_500,
    "statusPoll": _DAYS * 8 * 12,  # a tab that is visible for eight hours a day
    "sweep": _DAYS,
}
# Assumed: seconds of a function, its memory in GB, and the seconds of a cold start, which is billed as well.
# Functions that run this seldom start cold most times.
_COLD_START = 1.0
_SECONDS = {"sync": (2.0, 0.5), "read": (0.3, 0.5), "authorizer": (0.1, 0.5), "sweep": (30.0, 1.0)}
# Five pollers of the event source wait 20 s each while the queue is empty.
_RECEIVES = 5 * _DAYS * 86_400 // 20
_PICTURES_A_PAGE = 50
_PAGE_FILES = 30
_LOG_BYTES_A_REQUEST = 2_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: what is counted, the units with their prices, and the text that describes them."""

    text: str
    units: tuple[tuple[float, Price], ...]

    @property
    def full(self) -> float:
        """Dollars without any free allowance."""
        return sum(count * price.dollars for count, price in self.units)

    @property
    def reduced(self) -> float:
        """Dollars after the allowances that every account has in each month."""
        return sum(max(count - price.free, 0) * price.dollars for count, price in self.units)


class _Silent:
    """A log that keeps nothing."""

    def error(self, message: object, /, *, extra: Mapping[str, object]) -> None: ...

    def info(self, message: object, /, *, extra: Mapping[str, object]) -> None: ...


def run() -> Result:
    """Returns the units that one sync, one page view and so on take, and the table of a month."""
    with tempfile.TemporaryDirectory() as folder, DemoAccount() as demo:
        secrets = {"beeper-token": demo.beeper_token}
        with local_stack(Path(folder), parameters={"BeeperUrl": demo.beeper_url}, secrets=secrets) as stack:
            once = _measure(stack, demo)
    return Result({"chats": len(demo.account.chats), "once": once, "table": table(once).splitlines()})


def _measure(stack: DeployedStack, demo: DemoAccount) -> dict[str, Units]:
    """Returns the units that each thing takes, by its name in `TIMES`."""
    usage: Counter[str] = Counter()
    wiring = Wiring(deployed_config(stack, "CleanupFunction"), make_client=_metered(usage, stack), clock=now)
    _sync(wiring, demo, complete=True)  # The first run is not part of a usual month.
    _wait_for_pictures(wiring)
    routes = wiring.read_api().routes()
    chats = {"limit": "50", "participants": "0", "filter": "inbox"}

    def view() -> None:
        _ask(routes, "GET /api/chats", chats)
        _ask(routes, "GET /api/status", {})

    things: dict[str, Callable[[], object]] = {
        "sync": lambda: _sync(wiring, demo, complete=False),
        "completeSync": lambda: _sync(wiring, demo, complete=True),
        "pageView": view,
        "statusPoll": lambda: _ask(routes, "GET /api/status", {}),
        "sweep": lambda: _sweep(wiring),
    }
    return {name: _units_of(usage, thing) for name, thing in things.items()}


def _units_of(usage: Counter[str], thing: Callable[[], object]) -> Units:
    usage.clear()
    thing()
    return {name: float(units) for name, units in sorted(usage.items())}


def _sync(wiring: Wiring, demo: DemoAccount, *, complete: bool) -> None:
    with requests.Session() as session:
        secrets = {"beeper-token": demo.beeper_token}
        chat_api = ChatApi(base_url=demo.beeper_url, secrets=secrets, session=session)
        report = wiring.chat_sync.run(chat_api, remaining_ms=lambda: _TIME_LIMIT_MS, complete=complete)
    if report.outcome != "ok":
        raise RuntimeError(f"the sync has ended with {report.outcome}")


def _wait_for_pictures(wiring: Wiring) -> None:
    """Waits until the deployed cacher has tried every picture. Raises TimeoutError."""
    deadline = time.monotonic() + _SETTLED_WITHIN_SECONDS
    while any(True for _ in wiring.cached_images.needing_attention(ImageStatus.PENDING)):
        if time.monotonic() > deadline:
            raise TimeoutError("the pictures are not cached in time")
        time.sleep(1)


def _ask(routes: Routes, route: str, query: Mapping[str, str]) -> None:
    context = {"requestId": "", "authorizer": {"lambda": {"role": Role.READ.value}}}
    event = {"routeKey": route, "requestContext": context, "queryStringParameters": query, "headers": {}}
    status = serve(event, routes=routes, log=_Silent())["statusCode"]
    if status != HTTPStatus.OK:
        raise RuntimeError(f"{route} has answered {status}")


def _sweep(wiring: Wiring) -> None:
    runner = wiring.job_runner
    job_id = runner.job_id({}, scheduled=CleanupOrder())
    runner.run(job_id, wiring.sweep.run, TimeBudget(lambda: _TIME_LIMIT_MS, reserve_ms=0))


def _metered(usage: Counter[str], stack: DeployedStack) -> MakeClient:
    """Returns a maker of AWS clients that add the units of their requests to `usage`."""

    def before(params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "TOTAL"
        context["sent"] = dict(params)

    def after(parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        usage.update(units_of_request(model.service_model.service_name, model.name, context["sent"], parsed))

    def make_client(service: str, **options: Any) -> Any:
        client: Any = boto3.client(service, **{**stack.engine.access, **options})  # type: ignore[call-overload]  # a name that varies
        client.meta.events.register("before-parameter-build.*.*", before)
        client.meta.events.register("after-call.*.*", after)
        return client

    return make_client


def units_of_request(
    service: str, operation: str, sent: Mapping[str, Any], answer: Mapping[str, Any]
) -> Units:
    """Returns what AWS bills for one request.

    The engine counts write units as AWS does, but not the size of what is read. That is computed here, from
    the rows as they are returned: a row with attributes that were not asked for counts too little.
    """
    match service:
        case "dynamodb" if operation in {"GetItem", "BatchGetItem", "Query", "Scan"}:
            return {"readUnits": _read_units(operation, sent, answer)}
        case "dynamodb":
            return {"writeUnits": answer.get("ConsumedCapacity", {}).get("CapacityUnits", 1)}
        case "sqs":
            return {"messages": 1}
        case "s3" if operation in {"GetObject", "HeadObject"}:
            return {"objectReads": 1}
        case "s3" if operation.startswith(("List", "Put")):
            return {"objectWrites": 1}
    return {}


def _read_units(operation: str, sent: Mapping[str, Any], answer: Mapping[str, Any]) -> float:
    """Returns the read units: one for each 4 KB that are read consistently, else half of one."""
    match operation:
        case "GetItem":
            return _units(_size(answer.get("Item", {})), consistent=sent.get("ConsistentRead", False))
        case "BatchGetItem":
            total = 0.0
            for table, request in sent["RequestItems"].items():
                consistent = request.get("ConsistentRead", False)
                items = answer["Responses"].get(table, [])
                total += sum(_units(_size(item), consistent=consistent) for item in items)
                total += (len(request["Keys"]) - len(items)) * _units(0, consistent=consistent)
            return total
    size = sum(_size(item) for item in answer.get("Items", []))
    return _units(size, consistent=sent.get("ConsistentRead", False))


def _units(size: int, *, consistent: bool) -> float:
    units = max(1, math.ceil(size / _UNIT_BYTES))
    return units if consistent else units / 2


def _size(item: Mapping[str, Any]) -> int:
    """Returns about the size of an item as DynamoDB counts it: names and values in UTF-8."""
    return sum(
        len(name) + sum(len(str(value).encode()) for value in typed.values()) for name, typed in item.items()
    )


def lines(once: Mapping[str, Mapping[str, float]]) -> list[Line]:
    """Returns the lines of the table, of a month in which things happen as often as `TIMES` says."""

    def total(unit: str) -> float:
        return sum(once[name].get(unit, 0) * times for name, times in TIMES.items())

    syncs = TIMES["sync"] + TIMES["completeSync"]
    answers = 2 * TIMES["pageView"] + TIMES["statusPoll"]
    # The authorizer's answer is kept for a minute, which both requests of a page view share.
    checks = TIMES["pageView"] + TIMES["statusPoll"]
    invocations = {"sync": syncs, "read": answers, "authorizer": checks, "sweep": TIMES["sweep"]}
    warm = sum(count * math.prod(_SECONDS[name]) for name, count in invocations.items())
    # A page view starts both functions of the API cold, and its second request finds them warm.
    colds = {"sync": syncs, "read": checks, "authorizer": checks, "sweep": TIMES["sweep"]}
    cold = sum(count * _COLD_START * _SECONDS[name][1] for name, count in colds.items())
    reads, writes = total("readUnits"), total("writeUnits")
    messages = total("messages") + _RECEIVES
    # Each function decrypts Beeper's token, or the two of the API. Tables are encrypted at no cost.
    decryptions = syncs + 2 * checks
    files = TIMES["pageView"] * (_PICTURES_A_PAGE + _PAGE_FILES) + answers
    return [
        Line(
            f"DynamoDB: {_about(reads)} read units, {_about(writes)} write units",
            ((reads, prices.READ_UNIT), (writes, prices.WRITE_UNIT)),
        ),
        Line(
            f"SQS: {_about(messages)} requests, nearly all while the queue is empty",
            ((messages, prices.QUEUE_REQUEST),),
        ),
        Line(
            f"Lambda: {_about(sum(invocations.values()))} invocations, {_about(warm)} GB-seconds of work, "
            f"and {_about(cold)} of cold starts if nearly every start is cold",
            ((sum(invocations.values()), prices.FUNCTION_REQUEST), (warm + cold, prices.GIGABYTE_SECOND)),
        ),
        Line(f"API Gateway: {_about(answers)} requests", ((answers, prices.API_REQUEST),)),
        Line(f"CloudFront: {_about(files)} requests", ((files, prices.CDN_REQUEST),)),
        Line(
            "S3: what the sweep lists, and the pictures that CloudFront does not have",
            (
                (total("objectWrites"), prices.OBJECT_WRITE),
                (total("objectReads") + files, prices.OBJECT_READ),
            ),
        ),
        Line(f"KMS: {_about(decryptions)} decryptions of tokens", ((decryptions, prices.KEY_REQUEST),)),
        Line(
            "logs",
            ((sum(invocations.values()) * _LOG_BYTES_A_REQUEST / 1e9, prices.LOG_GIGABYTE),),
        ),
        Line(
            "CloudWatch: ten alarms and the metric `SyncSucceeded`", ((10, prices.ALARM), (1, prices.METRIC))
        ),
    ]


def table(once: Mapping[str, Mapping[str, float]]) -> str:
    """Returns the table of README.md as Markdown."""
    counted = lines(once)
    rows = [f"| {line.text} | {_dollars(line.full)} | {_dollars(line.reduced)} |" for line in counted]
    full, reduced = sum(line.full for line in counted), sum(line.reduced for line in counted)
    return "\n".join(
        [
            "| | a month | after the allowances of every account |",
            "|---|---|---|",
            *rows,
            f"| **together** | **{_dollars(full)}** | **{_dollars(reduced)}** |",
        ]
    )


def _about(count: float) -> str:
    """Returns the number with two significant digits."""
    digits = max(len(str(round(count))) - 2, 0)
    return f"{round(count, -digits):,.0f}"


def _dollars(amount: float) -> str:
    """Returns the amount in cents; less than half a cent is $0 or `below $0.01`."""
    if amount >= 0.005:
        return f"${amount:.2f}"
    return "below $0.01" if amount > 0 else "$0"
