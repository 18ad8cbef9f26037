"""A second deployment updates the stack and keeps its state."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import boto3
import pytest

from local.deploy import DeployedStack, DeployError, deploy
from local.engine import running_engine
from local.processes import ChildError
from local.template import read_template
from tests.engine.conftest import SMALL, seen
from tests.engine.test_engine_routes import ask
from tests.engine.test_engine_state import remember

Start = Callable[[], AbstractContextManager[DeployedStack]]


def test_the_next_deployment_serves_new_code_and_routes_and_keeps_the_state(
    start: Start, source: Path
) -> None:
    with start() as stack:
        remember(stack, "kept")
        assert ask(stack, "/api/public")[1]["greeting"] == "hello"
    code = source / "greet" / "app.py"
    template = source / "template.yaml"
    code.write_text(code.read_text().replace('"hello"', '"goodbye"'))
    template.write_text(template.read_text().replace("/api/public", "/api/open"))
    with start() as stack:
        assert ask(stack, "/api/open")[1]["greeting"] == "goodbye"
        assert ask(stack, "/api/public")[0] == 404
        assert "kept" in seen(stack)


def test_a_refused_template_is_reported_with_the_reason_and_leaves_the_last_state(
    start: Start, source: Path
) -> None:
    with start() as stack:
        remember(stack, "kept")
    template = source / "template.yaml"
    good = template.read_text()
    template.write_text(good.replace("BillingMode: PAY_PER_REQUEST", "BillingMode: NONSENSE"))
    with pytest.raises(DeployError, match="NONSENSE"), start():
        pass
    template.write_text(good)
    with start() as stack:
        assert "kept" in seen(stack)


def test_a_deployment_into_an_engine_that_has_ended_says_so(tmp_path: Path) -> None:
    template = SMALL / "template.yaml"
    with running_engine(tmp_path) as engine:
        engine.child.kill()
        with pytest.raises(ChildError, match=r"^the engine was ended by SIGKILL; its log is /"):
            deploy(
                engine,
                read_template(template),
                root=SMALL,
                builds=tmp_path / "builds",
                name="own",
                parameters={},
                secrets={},
            )


def test_a_secret_that_is_not_given_again_is_deleted_and_a_parameter_of_the_template_stays(
    start: Callable[..., AbstractContextManager[DeployedStack]],
) -> None:
    with start(secrets={"old": "x", "kept": "x"}) as stack:
        assert parameters(stack) == {"/own/old", "/own/kept", "/own/work-queue-url"}
    with start(secrets={"kept": "y"}) as stack:
        assert parameters(stack) == {"/own/kept", "/own/work-queue-url"}


def parameters(stack: DeployedStack) -> set[str]:
    ssm = boto3.client("ssm", **stack.engine.access)
    return {entry["Name"] for entry in ssm.get_parameters_by_path(Path="/own")["Parameters"]}
