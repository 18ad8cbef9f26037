"""The API answers requests made from docs/openapi.json, valid and invalid, as the document promises."""

import base64
import hashlib
import json
from typing import Any

import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from imagecache.model.access import Role
from tests.end_to_end.api.conftest import Answer, Api
from tools.openapi import DOCUMENT

pytestmark = pytest.mark.engine
load_all_checks()

# A schema cannot say which cursors, URLs and numbers are valid, so a request with such a field may be a 400
# although it fits its schema.
_BEYOND_A_SCHEMA = {"cursor", "participantsCursor", "sourceUrl", "imageUrl", "identifiers"}


def promised(*, examples: int, modes: list[GenerationMode], systematic: bool) -> BaseSchema:
    """Returns the document's schema, set up so that each run makes the same requests."""
    schema = schemathesis.openapi.from_dict(json.loads(DOCUMENT.read_text()))
    generation, checks, phases = schema.config.generation, schema.config.checks, schema.config.phases
    generation.deterministic = True
    generation.database = "none"
    generation.max_examples = examples
    generation.modes = modes
    generation.with_security_parameters = False  # the tests send tokens themselves
    phases.coverage.enabled = systematic
    for phase in (phases.coverage, phases.fuzzing):  # answers differ from run to run
        phase.extra_data_sources.responses = False
    phases.fuzzing.error_feedback.is_enabled = False
    # API Gateway answers 404, not 405, to a method that no route has.
    phases.coverage.unexpected_methods = set()
    checks.unsupported_method.enabled = False
    # The second test below sends requests without a token and with the wrong one.
    checks.ignored_auth.enabled = False
    # A body with too many URLs may be refused for its size before the URLs are counted.
    checks.negative_data_rejection.expected_statuses = ["400", "413"]
    return schema


# Positions as a holder of the read token can forge them: the digest of a cursor is no secret.
# Hypothesis prints what it generates, so long texts have short names until they are sent.
LONG = {"<longest>": "x" * 1024, "<too long>": "x" * 2049, "<wide>": "\u00e9" * 600}
KEYS = st.text(max_size=20) | st.sampled_from([*LONG, "", "inbox", "archive", "#chat", "\ud800", "\0"])
NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([-1, 0, 2**53, 2**63, 10**38, 10**126, 1e300, -0.0])
)
SCALARS = st.one_of(KEYS, NUMBERS, st.booleans(), st.none())
POSITIONS = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=4),
    st.lists(st.tuples(st.sampled_from(["inbox", "archive", "other"]), SCALARS, SCALARS), max_size=3),
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=2)
    ),
)
# The routes whose answer has pages, each with the query of a listing, and the name that its cursors carry.
# `<chat>` stands for the id of a chat that exists.
LISTINGS: dict[str, tuple[dict[str, str], str]] = {
    "/api/chats": ({"filter": "all"}, "chats all "),
    "/api/chat": ({"chatId": "<chat>"}, "roster <chat>"),
    "/api/images": ({"status": "failed"}, "images failed"),
    "/api/images/uncached": ({}, "uncached"),
    "/api/images/shown": ({"name": "a"}, "shown a"),
    "/api/contacts": ({}, "contacts"),
}


def forged(listing: str, position: Any) -> str:
    """Returns a cursor with a valid digest, in ASCII, so that it can carry half of a surrogate pair."""
    text = json.dumps(position)
    for name, content in LONG.items():
        text = text.replace(json.dumps(name), json.dumps(content))
    digest = hashlib.sha256(f"{listing}\n{text}".encode()).hexdigest()[:8]
    return base64.urlsafe_b64encode((digest + text).encode()).decode().rstrip("=")


EVERYTHING = promised(examples=3, modes=[*GenerationMode], systematic=True)
A_FEW = promised(examples=2, modes=[GenerationMode.POSITIVE], systematic=False)
WITH_FORGED_CURSORS = promised(examples=40, modes=[GenerationMode.POSITIVE], systematic=False).include(
    path=list(LISTINGS), method="GET"
)


def send(case: Case[Any], api: Api, role: Role) -> Any:
    """Sends a request with the token of a role, checks the answer against the document, and returns it."""
    headers = {} if role is Role.NONE else {"Authorization": f"Bearer {api.tokens[role]}"}
    answer = case.call(base_url=f"http://127.0.0.1:{api.port}", headers=headers)
    api.answers.append(Answer(answer.status_code, {}, answer.content))
    sent = {*(case.query or {}), *(case.body if isinstance(case.body, dict) else {})}
    case.validate_response(
        answer, excluded_checks=[positive_data_acceptance] if sent & _BEYOND_A_SCHEMA else []
    )
    return answer


@EVERYTHING.parametrize()
def test_every_request_is_answered_as_the_document_says(case: Case[Any], api: Api) -> None:
    answer = send(case, api, Role.ADMIN)
    assert answer.status_code not in {401, 403}


@A_FEW.parametrize()
def test_a_request_without_the_right_token_is_refused_as_the_document_says(case: Case[Any], api: Api) -> None:
    security = case.operation.definition.raw["security"]
    without_token = send(case, api, Role.NONE).status_code
    with_read_token = send(case, api, Role.READ).status_code
    assert (without_token == 401) == bool(security)
    enqueues = isinstance(case.body, dict) and case.body.get("enqueue") is True
    if enqueues or security == [{"token": ["admin"]}]:
        assert with_read_token == 403
    else:
        assert with_read_token not in {401, 403}


@pytest.fixture(scope="module")
def chat_id(api: Api) -> str:
    return str(api.get("/api/chats?limit=1")["chats"][0]["chatId"])


# The cursors that schemathesis generates, and that are replaced here, are long.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@WITH_FORGED_CURSORS.given(position=POSITIONS)
@WITH_FORGED_CURSORS.parametrize()
def test_a_forged_cursor_is_answered_with_a_page_or_with_400(
    case: Case[Any], api: Api, chat_id: str, position: Any
) -> None:
    query, listing = LISTINGS[case.path]
    name = "participantsCursor" if case.path == "/api/chat" else "cursor"
    cursor = forged(listing.replace("<chat>", chat_id), position)
    case.query = {key: value.replace("<chat>", chat_id) for key, value in query.items()} | {name: cursor}
    role = Role.ADMIN if case.path == "/api/contacts" else Role.READ
    assert send(case, api, role).status_code in {200, 304, 400}
