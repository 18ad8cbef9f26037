"""Counts what AWS bills for the requests of a benchmark, apart from the time of the function."""

import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from imagecache.aws_requests import DirectClient
from imagecache.wiring import MakeClient

_UNIT_BYTES = 4096

Units = dict[str, float]
"""Units of AWS's services, by their names: `readUnits`, `writeUnits`, `messages`, `objectReads`,
`objectWrites`, `decryptions`, and of a function `cpuSeconds`, `awsRequests` and `beeperRequests`.
"""


class Meter:
    """Adds the units of the requests of its clients to `usage`, and counts them as `awsRequests`.

    `make` is the maker of clients that functions have. These send most requests without botocore, and let it
    send again what was not answered, which is counted once.
    """

    def __init__(self, usage: Counter[str], make: MakeClient) -> None:
        self._usage = usage
        self._make = make
        self._this_thread = threading.local()

    def make_client(self, service: str, **options: Any) -> Any:
        """Returns a client whose requests are counted."""
        client: Any = self._make(service, **options)
        client.meta.events.register("before-parameter-build.*.*", self._before)
        client.meta.events.register("after-call.*.*", self._after)
        if isinstance(client, DirectClient):
            for method, operation in client.operations.items():
                setattr(client, method, self._metered(getattr(client, method), service, operation))
        return client

    def _metered(self, send: Callable[..., Any], service: str, operation: str) -> Callable[..., Any]:
        def metered(**parameters: Any) -> Any:
            if service == "dynamodb":
                parameters["ReturnConsumedCapacity"] = "TOTAL"
            self._this_thread.is_counted = False
            answer: Mapping[str, Any] = {}
            try:
                answer = send(**parameters)
            finally:  # A write is billed even if its condition does not hold.
                if not self._this_thread.is_counted:
                    self._count(service, operation, parameters, answer)
            return answer

        return metered

    def _before(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        """Notes the parameters of a request of botocore."""
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "TOTAL"
        context["sent"] = dict(params)

    def _after(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        self._count(model.service_model.service_name, model.name, context["sent"], parsed)
        self._this_thread.is_counted = True

    def _count(
        self, service: str, operation: str, sent: Mapping[str, Any], answer: Mapping[str, Any]
    ) -> None:
        self._usage.update({**units_of_request(service, operation, sent, answer), "awsRequests": 1})


def units_of_request(
    service: str, operation: str, sent: Mapping[str, Any], answer: Mapping[str, Any]
) -> Units:
    """Returns what AWS bills for one request, apart from the time of the function.

    The engine counts write units as AWS does, but not the size of what is read. That is computed here, from
    the rows as they are returned: a row with attributes that were not asked for counts too little.
    """
    match service:
        case "dynamodb" if operation in {"GetItem", "BatchGetItem", "Query", "Scan"}:
            return {"readUnits": _read_units(operation, sent, answer)}
        case "dynamodb":
            return {"writeUnits": _write_units(answer)}
        case "sqs":
            return {"messages": 1}
        case "s3":
            return _object_units(operation)
        case "ssm" if sent["WithDecryption"]:
            return {"decryptions": len(answer["Parameters"])}
    return {}


def _object_units(operation: str) -> Units:
    """Returns the units of a request to S3, where lists are billed as writes."""
    if operation in {"GetObject", "HeadObject"}:
        return {"objectReads": 1}
    return {"objectWrites": 1} if operation.startswith(("List", "Put")) else {}


def _write_units(answer: Mapping[str, Any]) -> float:
    """Returns the write units of one request.

    The engine counts one unit for each row of a batch, and none for its indexes.
    """
    consumed = answer.get("ConsumedCapacity", {"CapacityUnits": 1})
    tables = consumed if isinstance(consumed, list) else [consumed]
    return float(sum(table["CapacityUnits"] for table in tables))


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
    items = answer.get("Items", [])
    # What a filter leaves out is read as well. It is taken to be as large as what is returned.
    read = answer.get("ScannedCount", len(items)) / max(len(items), 1)
    size = math.ceil(sum(_size(item) for item in items) * read)
    return _units(size, consistent=sent.get("ConsistentRead", False))


def _units(size: int, *, consistent: bool) -> float:
    units = max(1, math.ceil(size / _UNIT_BYTES))
    return units if consistent else units / 2


def _size(item: Mapping[str, Any]) -> int:
    """Returns about the size of an item as DynamoDB counts it: names and values in UTF-8."""
    return sum(
        len(name) + sum(len(str(value).encode()) for value in typed.values()) for name, typed in item.items()
    )
