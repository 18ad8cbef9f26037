"""`make bench ONLY=cost` counts the requests of a month, and computes what they cost on AWS.

One sync, one page view, each request of an open tab and one sweep are run on the embedded engine, over the
demo account with its 183 chats, by the code of the deployed functions in this process. Their requests and
their CPU time are counted, and multiplied by how often each happens in a month. AWS bills a function's time:
it is computed from the CPU time and from the number of requests that the function waits for.
"""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import median

import requests

from benchmarks import prices
from benchmarks.demo_process import RunningDemo, running_demo
from benchmarks.deployed import deployed_config
from benchmarks.machine import this_machine
from benchmarks.prices import Price
from benchmarks.results import Result, Target
from benchmarks.units import Meter, Units
from imagecache.api.http import Routes, serve
from imagecache.aws_requests import function_clients
from imagecache.clock import now
from imagecache.model.access import Role
from imagecache.model.image import ImageStatus
from imagecache.model.job import CleanupOrder
from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.beeper.auth import BEEPER_SECRETS
from imagecache.wiring import Wiring
from local.deploy import DeployedStack
from local.stack import local_stack

_DAYS = 30
_TIME_LIMIT_MS = 900_000
_SETTLED_WITHIN_SECONDS = 600
_REPETITIONS = 5


@dataclass(frozen=True, slots=True)
class Month:
    """Says how often each thing happens in a month, for each person.

    `pictures` is the number of pictures that browsers request from CloudFront, `picture_gigabytes` their
    size, and `stored_gigabytes` the size of all originals and copies. `files` is the number of files of the
    page. `is_shared` means that so many people share one deployment that its fixed costs (alarms, the empty
    queue) are nothing for each, that its functions never start cold, and that no allowance is left.
    """

    what: str
    times: Mapping[str, int]
    pictures: int
    picture_gigabytes: float
    stored_gigabytes: float
    files: int
    is_shared: bool = False


_SYNCS = {"sync": _DAYS * 24 * 6, "completeSync": _DAYS, "sweep": _DAYS}
# Bytes of a picture of 192 pixels, and of an original with its three copies.
_SHOWN_BYTES = 5_500
_STORED_BYTES = 150_000
_PAGE_FILES = 30

# The list asks every ten seconds while it is used, and every five minutes while it is only visible. It asks
# for the pinned chats every five minutes.
_HOURS_USED, _HOURS_VISIBLE = 1, 8
_LIST_POLLS = _DAYS * (_HOURS_USED * 360 + (_HOURS_VISIBLE - _HOURS_USED) * 12)
_POLLS = _DAYS * _HOURS_VISIBLE * 12
_NO_POLLS = {"statusPoll": 0, "listPoll": 0, "pinnedPoll": 0}

ONE_PERSON = Month(
    what="one person, 1,500 page views, a tab that is visible for eight hours a day and used for one",
    times={
        **_SYNCS,
        "pageView": 1_500,
        "statusPoll": _POLLS,
        "listPoll": _LIST_POLLS,
        "pinnedPoll": _POLLS,
    },
    pictures=1_500 * 50,
    picture_gigabytes=1_500 * 50 * _SHOWN_BYTES / 1e9,
    stored_gigabytes=500 * _STORED_BYTES / 1e9,
    files=1_500 * _PAGE_FILES,
)
# The original's own example. It counts every load as a transfer. Here a picture's URL never changes its
# content, so a browser requests it once. Three devices are assumed whose browsers lose it once a month.
_PEOPLE = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
_SMALL_SCALE = 0.25  # of the demo account, which then has about 100 pictures
_LOADS = 1_000 * _DAYS
_PICTURES_A_PAGE = 50
_DEVICES = 3
HUNDRED_PEOPLE = Month(
    what="100 people with a picture each, 1,000 loads of pictures a day",
    times={**_SYNCS, **_NO_POLLS, "pageView": _LOADS // _PICTURES_A_PAGE},
    pictures=100 * _DEVICES,
    picture_gigabytes=100 * _DEVICES * _SHOWN_BYTES / 1e9,
    stored_gigabytes=100 * _STORED_BYTES / 1e9,
    files=_PAGE_FILES * _DEVICES * 4,  # the page's files are asked for again once a week
)
MILLION_PEOPLE = Month(
    what="each of a million people with the usage of the line above, in one deployment",
    times=HUNDRED_PEOPLE.times,
    pictures=HUNDRED_PEOPLE.pictures,
    picture_gigabytes=HUNDRED_PEOPLE.picture_gigabytes,
    stored_gigabytes=HUNDRED_PEOPLE.stored_gigabytes,
    files=HUNDRED_PEOPLE.files,
    is_shared=True,
)
ORIGINAL_DOLLARS = 0.50
"""What the original design states for 100 people and 1,000 loads a day, on Convex, without its functions."""

# A function gets one processor for 1,769 MB of memory, and a part of one for less.
_MEGABYTES_A_PROCESSOR = 1_769
_MEMORY = {
    **dict.fromkeys(("sync", "completeSync", "pageView", "statusPoll", "listPoll", "pinnedPoll"), 512),
    "sweep": 1_024,
}
# Assumed: the seconds that a function waits for a request to AWS, and for one to Beeper through a tunnel.
_AWS_SECONDS = 0.005
_BEEPER_SECONDS = 0.15
# Measured by `make bench ONLY=coldStart`, scaled: read takes less, sync takes more.
_COLD_START_CPU_SECONDS = 0.35
# Five pollers of the event source wait 20 s each while the queue is empty.
_RECEIVES = 5 * _DAYS * 86_400 // 20
# Lambda logs INIT_START, START, END and REPORT for a cold start. CloudWatch counts 26 bytes more for each
# line. A run of sync or a sweep prints at most two lines, which a test measures. A request of the API prints
# none, but API Gateway logs one for it.
_LAMBDA_LINES, _LAMBDA_BYTES, _LINE_BYTES = 4, 450, 26
PRINTED_BYTES = 900
_ACCESS_BYTES = 200
_LOG_BYTES_A_RUN = _LAMBDA_BYTES + PRINTED_BYTES + (_LAMBDA_LINES + 2) * _LINE_BYTES
LOG_BYTES_A_REQUEST = _LAMBDA_BYTES + _ACCESS_BYTES + (_LAMBDA_LINES + 1) * _LINE_BYTES


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
    """Returns the units that one sync, one page view and so on take, and the tables of the months."""
    chats, once = _measured(demo_scale=1.0)
    _, once_small = _measured(demo_scale=_SMALL_SCALE)
    hundred, million = HUNDRED_PEOPLE.what, MILLION_PEOPLE.what
    return Result(
        {
            "chats": chats,
            "once": once,
            "onceSmall": once_small,
            "dollars": {
                "onePerson": _both(once, ONE_PERSON),
                "hundredPeople": {**_both(once_small, HUNDRED_PEOPLE), "original": ORIGINAL_DOLLARS},
                "eachOfAMillion": _both(once_small, MILLION_PEOPLE),
            },
            "dollarsByPeople": [
                {"people": people, **dollars_of_people(once_small, people)} for people in _PEOPLE
            ],
        },
        [
            Target(
                f"a month, after allowances: {hundred}",
                0.02,
                dollars(once_small, HUNDRED_PEOPLE, with_allowances=True),
                "$",
            ),
            Target(
                f"a month, without allowances: {hundred}",
                0.35,
                dollars(once_small, HUNDRED_PEOPLE, with_allowances=False),
                "$",
            ),
            Target(
                f"a month: {million}",
                0.035,
                dollars(once_small, MILLION_PEOPLE, with_allowances=False),
                "$",
            ),
        ],
    )


def _measured(*, demo_scale: float) -> tuple[int, dict[str, Units]]:
    """Returns the number of chats of a demo account of this scale, and the units of each thing."""
    with tempfile.TemporaryDirectory() as folder, running_demo(demo_scale) as demo:
        secrets = {"beeper-token": demo.beeper_token}
        parameters = {"BeeperUrl": demo.url}
        with (
            local_stack(Path(folder), parameters=parameters, secrets=secrets) as stack,
            _environment(stack.engine.environment),
        ):
            return demo.chats, _measure(stack, demo)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets variables of the environment, and restores the environment after the block."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def dollars_of_people(once: Mapping[str, Mapping[str, float]], people: int) -> dict[str, float]:
    """Returns the costs of a month of so many people in one deployment, with and without allowances.

    Its fixed costs are the alarms, the metric and the requests to the empty queue.
    """
    fixed = (
        Line("alarms and metric", ((10, prices.ALARM), (1, prices.METRIC))),
        Line("requests to the empty queue", ((_RECEIVES, prices.QUEUE_REQUEST),)),
    )
    of_people = [
        Line(line.text, tuple((count * people, price) for count, price in line.units))
        for line in lines(once, MILLION_PEOPLE)
    ]
    return {
        "full": round(sum(line.full for line in (*fixed, *of_people)), 4),
        "afterAllowances": round(sum(line.reduced for line in (*fixed, *of_people)), 4),
    }


def _both(once: Mapping[str, Mapping[str, float]], month: Month) -> dict[str, float]:
    return {
        "full": round(dollars(once, month, with_allowances=False), 4),
        "afterAllowances": round(dollars(once, month, with_allowances=True), 4),
    }


def _measure(stack: DeployedStack, demo: RunningDemo) -> dict[str, Units]:
    """Returns the units that each thing takes, by its name in `Month.times`."""
    usage: Counter[str] = Counter()
    make_client = Meter(usage, function_clients(os.environ, clock=now)).make_client
    wiring = Wiring(deployed_config(stack, "CleanupFunction"), make_client=make_client, clock=now)
    _sync(wiring, complete=True)  # The first run is not part of a usual month.
    _wait_for_pictures(wiring)
    routes = wiring.read_api().routes()
    chats = {"limit": "50", "participants": "0", "filter": "inbox"}
    pinned = {"limit": "100", "participants": "0", "filter": "pinned"}

    def view() -> None:
        _ask(routes, "GET /api/chats", chats)
        _ask(routes, "GET /api/status", {})

    things: dict[str, Callable[[], object]] = {
        "sync": lambda: _sync(wiring, complete=False),
        "completeSync": lambda: _sync(wiring, complete=True),
        "pageView": view,
        "statusPoll": lambda: _ask(routes, "GET /api/status", {}),
        "listPoll": lambda: _ask(routes, "GET /api/chats", chats, is_known=True),
        "pinnedPoll": lambda: _ask(routes, "GET /api/chats", pinned, is_known=True),
        "sweep": lambda: _sweep(wiring),
    }
    return {name: _units_of(usage, thing, demo) for name, thing in things.items()}


def _units_of(usage: Counter[str], thing: Callable[[], object], demo: RunningDemo) -> Units:
    """Returns the units of the last of several times; the first one loads modules, and is not counted.

    The CPU time is the median of the others, as the reference machine has it, see benchmarks/machine.py.
    """
    thing()
    seconds = []
    for _ in range(_REPETITIONS):
        usage.clear()
        demo.forget_requests()
        started = time.process_time()
        thing()
        seconds.append(time.process_time() - started)
    units = {name: float(count) for name, count in sorted(usage.items())}
    cpu_seconds = round(median(seconds) / this_machine().slowness, 4)
    return {**units, "cpuSeconds": cpu_seconds, "beeperRequests": demo.requests()}


def _sync(wiring: Wiring, *, complete: bool) -> None:
    with requests.Session() as session:
        chat_api = wiring.chat_api(wiring.secrets.read(*BEEPER_SECRETS), session)
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


def _ask(routes: Routes, route: str, query: Mapping[str, str], *, is_known: bool = False) -> None:
    """Sends a request to the API. `is_known` asks only whether there is an answer: the status is then 304."""
    headers = {"if-none-match": "*"} if is_known else {}
    event = {"routeKey": route, "queryStringParameters": query, "headers": headers}
    status = serve(event, routes=routes, find_role=lambda _: Role.READ, log=_Silent())["statusCode"]
    if status != (HTTPStatus.NOT_MODIFIED if is_known else HTTPStatus.OK):
        raise RuntimeError(f"{route} has answered {status}")


def _sweep(wiring: Wiring) -> None:
    runner = wiring.job_runner
    job_id = runner.job_id({}, scheduled=CleanupOrder())
    runner.run(job_id, wiring.sweep.run, TimeBudget(lambda: _TIME_LIMIT_MS, reserve_ms=0))


def lines(once: Mapping[str, Mapping[str, float]], month: Month) -> list[Line]:
    """Returns the lines of the table for a month."""

    def total(unit: str) -> float:
        return sum(once[name].get(unit, 0) * times for name, times in month.times.items())

    times = month.times
    syncs = times["sync"] + times["completeSync"]
    answers = 2 * times["pageView"] + times["statusPoll"] + times["listPoll"] + times["pinnedPoll"]
    # The second request of a page view finds a warm function, and so do those of a list.
    visits = times["pageView"] + times["statusPoll"]
    invocations = syncs + answers + times["sweep"]
    colds = {"sync": syncs, "pageView": visits, "sweep": times["sweep"]}
    warm = sum(gigabyte_seconds(name, once[name]) * count for name, count in times.items())
    cold = sum(_gigabyte_seconds(name, _COLD_START_CPU_SECONDS, 0) * count for name, count in colds.items())
    if month.is_shared:
        cold = 0
    receives = 0 if month.is_shared else _RECEIVES
    reads, writes = total("readUnits"), total("writeUnits")
    messages = total("messages") + receives
    # A warm function decrypts a token only if it was replaced. Each cold start of sync decrypts Beeper's, and
    # each one of the API its two tokens. Tables are encrypted at no cost.
    decryptions = total("decryptions") + (0 if month.is_shared else syncs + 2 * visits)
    files = month.pictures + month.files + answers
    log_bytes = (syncs + times["sweep"]) * _LOG_BYTES_A_RUN + answers * LOG_BYTES_A_REQUEST
    counted = [
        Line(
            f"DynamoDB: {_about(reads)} read units, {_about(writes)} write units",
            ((reads, prices.READ_UNIT), (writes, prices.WRITE_UNIT)),
        ),
        Line(
            f"SQS: {_about(messages)} requests, nearly all while the queue is empty",
            ((messages, prices.QUEUE_REQUEST),),
        ),
        Line(
            f"Lambda: {_about(invocations)} invocations, {_about(warm)} GB-seconds of work, "
            f"and {_about(cold)} of cold starts if nearly every start is cold",
            ((invocations, prices.FUNCTION_REQUEST), (warm + cold, prices.GIGABYTE_SECOND)),
        ),
        Line(f"API Gateway: {_about(answers)} requests", ((answers, prices.API_REQUEST),)),
        Line(
            f"CloudFront: {_about(files)} requests",
            ((files, prices.CDN_REQUEST), (month.picture_gigabytes, prices.CDN_GIGABYTE)),
        ),
        Line(
            "S3: the pictures, what the sweep lists, and what CloudFront does not have",
            (
                (total("objectWrites"), prices.OBJECT_WRITE),
                (total("objectReads") + month.pictures, prices.OBJECT_READ),
                (month.stored_gigabytes, prices.OBJECT_GIGABYTE),
            ),
        ),
        Line(f"KMS: {_about(decryptions)} decryptions of tokens", ((decryptions, prices.KEY_REQUEST),)),
        Line("logs", ((log_bytes / 1e9, prices.LOG_GIGABYTE),)),
    ]
    if not month.is_shared:
        alarms = ((10, prices.ALARM), (1, prices.METRIC))
        counted.append(Line("CloudWatch: ten alarms and the metric `SyncSucceeded`", alarms))
    return counted


def gigabyte_seconds(name: str, units: Mapping[str, float]) -> float:
    """Returns what AWS bills for the time of one of the things in `Month.times`, in a warm function."""
    waits = units.get("awsRequests", 0) * _AWS_SECONDS + units.get("beeperRequests", 0) * _BEEPER_SECONDS
    return _gigabyte_seconds(name, units.get("cpuSeconds", 0), waits)


def _gigabyte_seconds(name: str, cpu_seconds: float, waits: float) -> float:
    megabytes = _MEMORY[name]
    seconds = cpu_seconds * max(_MEGABYTES_A_PROCESSOR / megabytes, 1) + waits
    return seconds * megabytes / 1024


def dollars(once: Mapping[str, Mapping[str, float]], month: Month, *, with_allowances: bool) -> float:
    """Returns the costs of a month, after the allowances of every account or without them."""
    return sum(line.reduced if with_allowances else line.full for line in lines(once, month))


def table(once: Mapping[str, Mapping[str, float]], month: Month = ONE_PERSON) -> str:
    """Returns the table of a month as Markdown."""
    counted = lines(once, month)
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
