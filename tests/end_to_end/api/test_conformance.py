"""Requests made up from docs/openapi.json, good and bad → answers as it promises them, and no 5xx."""

import json
from typing import Any

import pytest
import schemathesis
from schemathesis import Case, GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from imagecache.model.access import Role
from tests.end_to_end.api.conftest import Answer, Api
from tools.openapi import DOCUMENT

pytestmark = pytest.mark.engine
load_all_checks()

# Which cursors are ours, which URLs may be fetched and what is a number cannot be said in a schema: what
# is made up may be a 400.
_BEYOND_A_SCHEMA = {"cursor", "participantsCursor", "sourceUrl", "imageUrl", "identifiers"}


def promised(*, examples: int, modes: list[GenerationMode], systematic: bool) -> BaseSchema:
    """The document, with the same requests at each run."""
    schema = schemathesis.openapi.from_dict(json.loads(DOCUMENT.read_text()))
    generation, checks, phases = schema.config.generation, schema.config.checks, schema.config.phases
    generation.deterministic = True
    generation.database = "none"
    generation.max_examples = examples
    generation.modes = modes
    generation.with_security_parameters = False  # tokens are ours to send
    phases.coverage.enabled = systematic
    for phase in (phases.coverage, phases.fuzzing):  # what was answered differs from run to run
        phase.extra_data_sources.responses = False
    phases.fuzzing.error_feedback.is_enabled = False
    # An HTTP API answers 404 to a method that no route has.
    phases.coverage.unexpected_methods = set()
    checks.unsupported_method.enabled = False
    # It would ask each time again with no token and with a made-up one: the second test below does that.
    checks.ignored_auth.enabled = False
    # Too many URLs may be too long a body before they are counted.
    checks.negative_data_rejection.expected_statuses = ["400", "413"]
    return schema


EVERYTHING = promised(examples=3, modes=[*GenerationMode], systematic=True)
A_FEW = promised(examples=2, modes=[GenerationMode.POSITIVE], systematic=False)


def send(case: Case[Any], api: Api, role: Role) -> Any:
    """The answer, after every check of it."""
    headers = {} if role is Role.NONE else {"Authorization": f"Bearer {api.tokens[role]}"}
    answer = case.call(base_url=f"http://127.0.0.1:{api.port}", headers=headers)
    api.heard.append(Answer(answer.status_code, {}, answer.content))
    sent = {*(case.query or {}), *(case.body if isinstance(case.body, dict) else {})}
    case.validate_response(
        answer, excluded_checks=[positive_data_acceptance] if sent & _BEYOND_A_SCHEMA else []
    )
    return answer


@EVERYTHING.parametrize()
def test_whatever_is_sent_is_answered_as_the_document_says(case: Case[Any], api: Api) -> None:
    answer = send(case, api, Role.ADMIN)
    assert answer.status_code not in {401, 403}


@A_FEW.parametrize()
def test_a_token_that_is_not_enough_is_refused_as_the_document_says(case: Case[Any], api: Api) -> None:
    security = case.operation.definition.raw["security"]
    nobody, reader = (send(case, api, role).status_code for role in (Role.NONE, Role.READ))
    assert (nobody == 401) == bool(security)
    enqueues = isinstance(case.body, dict) and case.body.get("enqueue") is True
    if enqueues or security == [{"token": ["admin"]}]:
        assert reader == 403
    else:
        assert reader not in {401, 403}
