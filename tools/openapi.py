"""Generates docs/openapi.json, an OpenAPI 3.1 document, from the API's routes, fields and shapes.

The document is generated from the code that serves the routes, so that the two cannot differ.
"""

import dataclasses
import inspect
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from imagecache.api.admin import AdminApi
from imagecache.api.fields import Field
from imagecache.api.http import Route, Routes
from imagecache.api.read import ReadApi
from imagecache.api.shapes import Error
from imagecache.model.access import Role
from local.template import ROOT
from tools.openapi_refusals import REFUSALS, Refusal, RefusalKind, refused

Json = dict[str, Any]

DOCUMENT = ROOT / "docs" / "openapi.json"
ApiT = TypeVar("ApiT", ReadApi, AdminApi)

_DESCRIPTION = """\
The chats of a Beeper account, with the addresses of all their pictures in the same answer.

- **Tokens.** `Authorization: Bearer <token>`. The read token reads. Routes that change something need the
  admin token, which reads as well. `GET /api/health` needs none.
- **Pages.** `nextCursor` is the `cursor` of the next page of the same listing, and `null` at the end. It is
  opaque: a damaged one, or one of another listing, is answered with 400. A chat that does not move is shown
  exactly once, whatever other chats do.
- **Parameters.** A query parameter that a route does not have is answered with 400. One with an empty value
  counts as left out, because that is how forms send it.
- **Pictures.** `url` is a WebP file that never changes. `placeholder` and `color` can be painted before
  it has arrived.
- **Unchanged answers.** A GET answers with an `ETag`. Sent back as `If-None-Match`, it is answered with 304
  if nothing has changed.
- **Errors.** `message` says what is wrong and what to do about it, `code` is for programs, and `requestId`
  finds the request in the server's logs. API Gateway itself answers requests to an unknown path, and
  beyond its rate limit. Its answers have a `message` alone.
"""
_TAGS = {
    Role.NONE: ("public", "Needs no token."),
    Role.READ: ("read", "Needs the read token, or the admin token."),
    Role.ADMIN: ("admin", "Needs the admin token."),
}
_ETAG = {
    "description": "Weak; the same as long as the answer is the same.",
    "schema": {"type": "string"},
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of an earlier answer.",
    "schema": {"type": "string"},
}


def routes_by_function() -> Mapping[str, Routes]:
    """Returns the routes of each function of the template. Their handlers cannot be called."""
    return {"ReadFunction": _unusable(ReadApi).routes(), "AdminFunction": _unusable(AdminApi).routes()}


def _unusable(api: type[ApiT]) -> ApiT:
    """Returns an API with routes but without use cases and stores."""
    nothing: dict[str, Any] = dict.fromkeys(field.name for field in dataclasses.fields(api))
    return api(**nothing)


def document() -> Json:
    """Returns the OpenAPI document."""
    routes = {key: route for of in routes_by_function().values() for key, route in of.items()}
    answers, schemas = _shapes([route.gives for route in routes.values()])
    return {
        "openapi": "3.1.0",
        "info": {"title": "Chat Image Cache", "version": _version(), "description": _DESCRIPTION},
        "servers": [
            {
                "url": "http://127.0.0.1:8080",
                "description": "The address of `make run`. On AWS, use the stack's output `Address`.",
            }
        ],
        "tags": [{"name": name, "description": about} for name, about in _TAGS.values()],
        "paths": _paths(routes, answers),
        "components": {
            "schemas": schemas,
            "responses": {
                "NotModified": {"description": "The answer has not changed.", "headers": {"ETag": _ETAG}},
                **{kind.name: _refusal(kind) for kind in REFUSALS.values()},
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def text() -> str:
    """Returns the content of docs/openapi.json."""
    return json.dumps(document(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


class _WithoutTitles(GenerateJsonSchema):
    """Generates schemas without titles, because a title such as `Chatid` for `chatId` says nothing new."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - as the base class has it
        return False


def _shapes(given: Sequence[Any]) -> tuple[list[Json], Json]:
    """Returns a reference to the schema of each shape, and all schemas by name."""
    every = [*given, Error, Refusal]
    adapters = [(index, "serialization", TypeAdapter(shape)) for index, shape in enumerate(every)]
    answers, definitions = TypeAdapter.json_schemas(
        adapters,  # type: ignore[arg-type]  # a list of tuples whose middle mypy widens to str
        ref_template="#/components/schemas/{model}",
        schema_generator=_WithoutTitles,
    )
    schemas: Json = definitions["$defs"]
    schemas["Moment"] |= {"format": "date-time", "description": "UTC, to the second."}
    return [answers[index, "serialization"] for index in range(len(given))], schemas


def _version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def _paths(routes: Routes, answers: Sequence[Json]) -> Json:
    paths: dict[str, Json] = {}
    for (key, route), answer in zip(routes.items(), answers, strict=True):
        method, path = key.split()
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, route, answer)
    return paths


def _operation(method: str, path: str, route: Route, answer: Json) -> Json:
    cached = method == "GET"
    tag, _ = _TAGS[route.role]
    operation = {
        "operationId": _name(method, path),
        "summary": route.summary,
        "tags": [tag],
        # Since 3.1 the names of roles may stand here.
        "security": [] if route.role is Role.NONE else [{"token": [route.role.value]}],
        "parameters": [*_parameters(route), *([_IF_NONE_MATCH] if cached else [])],
        "responses": {
            str(route.status.value): {
                "description": inspect.getdoc(route.gives),
                "content": _json_of(answer),
                **({"headers": {"ETag": _ETAG}} if cached else {}),
            },
            **({"304": _ref("responses", "NotModified")} if cached else {}),
            **{
                str(status.value): _ref("responses", REFUSALS[status].name)
                for status in sorted(refused(route))
            },
        },
    }
    return operation | ({} if route.body is None else {"requestBody": _body(route.body)})


def _name(method: str, path: str) -> str:
    """Returns the id of an operation, such as `getJobsJobId` for `GET /api/jobs/{jobId}`."""
    words = re.findall(r"[A-Za-z]+", path.removeprefix("/api"))
    return method.lower() + "".join(word[0].upper() + word[1:] for word in words)


def _parameters(route: Route) -> Iterator[Json]:
    for place, fields in (("path", route.path), ("query", route.query)):
        for field in fields:
            yield {
                "name": field.name,
                "in": place,
                "required": field.required,
                "schema": field.schema(),
                **_description(field),
                **({"allowEmptyValue": True} if place == "query" and not field.required else {}),
            }


def _body(fields: Sequence[Field]) -> Json:
    required = [field.name for field in fields if field.required]
    schema = {
        "type": "object",
        "properties": {field.name: {**field.schema(), **_description(field)} for field in fields},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }
    return {"required": bool(required), "content": _json_of(schema)}


def _description(field: Field) -> Json:
    parts = [field.about, "needs the admin token" if field.role is Role.ADMIN else ""]
    sentence = "; ".join(part for part in parts if part)
    return {"description": sentence[0].upper() + sentence[1:] + "."} if sentence else {}


def _refusal(kind: RefusalKind) -> Json:
    shape = Refusal if kind.by_gateway else Error
    return {"description": kind.description, "content": _json_of(_ref("schemas", shape.__name__))}


def _json_of(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def main(file: Path = DOCUMENT) -> int:
    """Writes the document to `file`, and returns the exit code."""
    file.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
