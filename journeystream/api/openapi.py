"""The OpenAPI 3.1 document of the API, made of its routes; and a page to read it by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from journeystream.api.problems import MEDIA, Problem
from journeystream.api.routes import LONGEST_KEY, PREFIX, Role, Route

_REF = "#/components/schemas/{model}"
# What any request may be answered with.
_ALWAYS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_HEADERS = {
    "Idempotency-Key": "The same request with the same key, within a day, is done once.",
    "If-Match": "Do it only if the ETag is still this one.",
}
PAGE = files("journeystream.api").joinpath("page.html").read_text(encoding="utf-8")


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the document that tells of these routes."""
    models = [model for route in routes for model in (route.query, route.body) if model]
    _, schemas = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)] + [(Problem, "serialization")],
        ref_template=_REF,
    )
    components: dict[str, Any] = dict(schemas.get("$defs", {}))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        place = paths.setdefault(PREFIX + route.path, {})
        place[route.method.lower()] = _operation(route, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "journeystream",
            "version": version("journeystream"),
            "description": "What people and programs do with journeys besides running them.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(route: Route, components: dict[str, Any]) -> dict[str, Any]:
    said = {
        "operationId": route.id,
        "summary": route.summary,
        "tags": [route.tag],
        "description": f"Needs role {route.role.name.lower()}.",
        "parameters": [*_path(route), *_query(route, components), *_headers(route)],
        "responses": _responses(route, components),
    }
    schema = _body(route)
    if schema is not None:
        said["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return said


def _path(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
        }
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]


def _query(route: Route, components: dict[str, Any]) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = components[route.query.__name__]
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": said.get("description", ""),
            "schema": {key: value for key, value in said.items() if key != "description"},
        }
        for name, said in schema["properties"].items()
    ]


def _headers(route: Route) -> list[dict[str, Any]]:
    if route.role is Role.READ:
        return []
    names = ["Idempotency-Key"] if route.method == "POST" else []
    names += ["If-Match"] if HTTPStatus.PRECONDITION_FAILED in route.refusals else []
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": _HEADERS[name],
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": LONGEST_KEY,
                "pattern": "^[!-~]+$",
            },
        }
        for name in names
    ]


def _body(route: Route) -> dict[str, Any] | None:
    if route.takes_any:
        return {"type": "object", "description": "A definition, as in docs/journeys.md."}
    return None if route.body is None else {"$ref": _REF.format(model=route.body.__name__)}


def _responses(route: Route, components: dict[str, Any]) -> dict[str, Any]:
    done: dict[str, Any] = {"description": route.status.phrase}
    if route.answers is not None:
        schema = TypeAdapter(route.answers).json_schema(mode="serialization", ref_template=_REF)
        components.update(schema.pop("$defs", {}))
        done["content"] = {"application/json": {"schema": schema}}
    problem = {"content": {MEDIA: {"schema": {"$ref": _REF.format(model="Problem")}}}}
    refusals = sorted({*_ALWAYS, *route.refusals})
    return {
        str(int(route.status)): done,
        **{str(int(each)): {"description": each.phrase, **problem} for each in refusals},
    }
