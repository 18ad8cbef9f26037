"""After a hint, `make run` invokes its sync function, and again if another sync is running."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from local.hints import invoke_sync


@dataclass
class FakeLambda:
    """Answers each invocation with this document, or not at all."""

    answer: object | None
    events: list[Any] = field(default_factory=list)

    def invoke(self, **request: Any) -> Mapping[str, Any]:
        assert request.keys() == {"FunctionName", "Payload"}, "its end is waited for"
        assert request["FunctionName"] == "sync"
        self.events.append(json.loads(request["Payload"]))
        if self.answer is None:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode())}


@pytest.mark.parametrize(
    ("answer", "is_done"),
    [
        ({"outcome": "ok"}, True),
        ({"outcome": "offline"}, True),
        ({"outcome": "unauthorized"}, True),
        ({"outcome": "busy"}, False),
        ({"errorMessage": "failed", "errorType": "KeyError"}, True),
        (None, True),
    ],
)
def test_only_a_sync_that_another_one_held_up_is_tried_again(answer: object, is_done: bool) -> None:
    functions = FakeLambda(answer)
    assert invoke_sync(functions, "sync", frozenset({"!b", "!a"})) is is_done
    assert functions.events == [{"chatIds": ["!a", "!b"]}]


def test_a_hint_without_a_chat_is_an_ordinary_sync() -> None:
    functions = FakeLambda({"outcome": "ok"})
    invoke_sync(functions, "sync", frozenset())
    assert functions.events == [{}]
