"""The OpenAPI 3.1 document of a service, made of what its routes state about themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

import octavo
from octavo.server.problems import MEDIA_TYPE, Problem

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_ATTRIBUTE: Final = "openapi_operation"
_PROBLEMS: Final = {
    400: "The request is not valid, or no model translates between these languages.",
    401: "The service needs an API key.",
    403: "The API key is not known.",
    404: "There is no such thing.",
    408: "The request did not come in time.",
    413: "The request, or a text of it, is larger than this service takes.",
    415: "The body is not JSON in UTF-8.",
    429: "Too many requests of this API key are under way.",
    500: "The service failed; its log has the id of the request.",
    503: "The service is busy, or about to stop: ask again after `Retry-After` seconds.",
    504: "The time for the request is over.",
}
_ABOUT: Final = "It translates texts, markup and documents. The same request has the same answer."
_NEIGHBOURS: Final = {
    "/v2/translate": "DeepL's API is here too, under /v2 and /v3.",
    "/spec": "LibreTranslate's API is here too, and has a document of its own: /spec.",
}
_OF_EVERY_REQUEST: Final = (401, 403, 429, 500, 503)


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of the query."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Operation:
    """What a route does. ``request`` and ``response`` are msgspec Structs; ``lines`` is the
    Struct of a line, where the answer may be lines of JSON. ``examples`` are requests by what they show, each
    with its answer. ``problems`` are the codes of errors that are its own."""

    identifier: str
    summary: str
    description: str
    response: type
    tag: str
    request: type | None = None
    lines: type | None = None
    parameters: Sequence[Parameter] = ()
    examples: Mapping[str, tuple[Any, Any]] = dataclasses.field(default_factory=dict)
    problems: Sequence[int] = ()


def describes(operation: Operation) -> Callable[[Endpoint], Endpoint]:
    """A decorator of an endpoint, whose route is then in the OpenAPI document."""

    def decorate(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ATTRIBUTE, operation)
        return endpoint

    return decorate


def openapi(routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """The document of all routes whose endpoints are described."""
    described = list(_described(routes))
    types: dict[type, None] = {Problem: None}
    for _, operation in described:
        stated = (operation.request, operation.response, operation.lines)
        types |= {each: None for each in stated if each is not None}
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in described:
        for method in sorted((route.methods or set()) - {"HEAD"}):
            paths.setdefault(route.path, {})[method.lower()] = _operation(operation, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Octavo",
            "version": octavo.__version__,
            "summary": "Translation on ordinary CPUs.",
            "description": " ".join([_ABOUT, *_neighbours(routes)]),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"key": []}],
        "paths": paths,
        "components": {
            "schemas": _plain(components),
            "responses": {str(status): _problem(status, schema_of[Problem]) for status in _PROBLEMS},
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, where the service has keys.",
                }
            },
        },
    }


def openapi_route(routes: Sequence[BaseRoute]) -> Route:
    """GET /openapi.json: the document of ``routes``."""
    content = msgspec.json.encode(openapi(routes))

    async def answer(request: Request) -> Response:  # noqa: ARG001 - what Starlette hands over
        return Response(content, media_type="application/json")

    return Route("/openapi.json", answer)


def _neighbours(routes: Iterable[BaseRoute]) -> list[str]:
    """What is said of APIs whose routes are not described."""
    paths = {route.path for route in routes if isinstance(route, Route)}
    return [words for path, words in _NEIGHBOURS.items() if path in paths]


def _described(routes: Iterable[BaseRoute]) -> Iterable[tuple[Route, Operation]]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _described(route.routes)
        elif isinstance(route, Route) and (operation := getattr(route.endpoint, _ATTRIBUTE, None)):
            yield route, operation


def _operation(operation: Operation, schema_of: Mapping[type, Any]) -> dict[str, Any]:
    answers = {name: {"value": answer} for name, (_, answer) in operation.examples.items()}
    content: dict[str, Any] = {"application/json": _media(schema_of[operation.response], answers)}
    if operation.lines is not None:
        content["application/jsonl"] = {"schema": schema_of[operation.lines]}
    found: dict[str, Any] = {
        "operationId": operation.identifier,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "responses": {"200": {"description": "The answer.", "content": content}},
    }
    for status in sorted({*_OF_EVERY_REQUEST, *operation.problems}):
        found["responses"][str(status)] = {"$ref": f"#/components/responses/{status}"}
    if operation.parameters:
        found["parameters"] = [
            {"name": each.name, "in": "query", "description": each.description, "schema": each.schema}
            for each in operation.parameters
        ]
    if operation.request is not None:
        requests = {name: {"value": request} for name, (request, _) in operation.examples.items()}
        body = {"application/json": _media(schema_of[operation.request], requests)}
        found["requestBody"] = {"required": True, "content": body}
    return found


def _media(schema: Any, examples: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema": schema, "examples": examples} if examples else {"schema": schema}


def _problem(status: int, schema: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"description": _PROBLEMS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
    if status in (429, 503):
        found["headers"] = {
            "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}
        }
    return found


def _plain(value: Any) -> Any:
    """A schema whose descriptions are docstrings, with the marks of Markdown in them."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: _plain(each) for key, each in value.items()}
    if isinstance(text := found.get("description"), str):
        found["description"] = " ".join(text.replace("``", "`").split())
    return found
