"""What the API says of itself: the OpenAPI document, the page, docs/api.md."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from journeystream.api.all_routes import ROUTES
from journeystream.api.openapi import PAGE, document
from journeystream.api.routes import PREFIX, Role, Route
from tests.api import route_table
from tests.api.calls import Heard, asked, served


def test_the_document_is_valid() -> None:
    """An independent validator finds nothing wrong with it, and every route is in it."""
    told = document(ROUTES)
    assert list(OpenAPIV31SpecValidator(told).iter_errors()) == []
    operations = {(path, name) for path, place in told["paths"].items() for name in place}
    assert operations == {(PREFIX + each.path, each.method.lower()) for each in ROUTES}


def test_every_route_has_a_name_of_its_own() -> None:
    """Generated clients call each by its name; no two routes answer the same request."""
    assert len({each.id for each in ROUTES}) == len(ROUTES)
    shapes = [(each.method, re.sub(r"\{\w+\}", "{}", each.path)) for each in ROUTES]
    assert len(set(shapes)) == len(shapes)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.id)
def test_a_route_says_what_it_is(route: Route) -> None:
    """It has a summary, refuses what changes to whoever may only look, and promises what it may
    answer with."""  # noqa: D205, D209  one sentence
    operation = document(ROUTES)["paths"][PREFIX + route.path][route.method.lower()]
    assert operation["summary"].endswith(".")
    assert route.role.name.lower() in operation["description"]
    assert {"401", "403", "422", "429", "503"} <= set(operation["responses"])
    looks = route.method == "GET" or route.tag == "trying"
    assert (route.role is Role.READ) == looks
    assert (route.status is HTTPStatus.NO_CONTENT) == (route.answers is None)


def test_fields_are_described() -> None:
    """Each field of ours that is sent or told says what it means."""
    schemas = document(ROUTES)["components"]["schemas"]
    bare = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, said in schema.get("properties", {}).items()
        if "description" not in said and "$ref" not in said
    ]
    assert bare == []


def test_the_page_needs_nothing_from_elsewhere() -> None:
    """It loads no script, style, font or picture; what it fetches is the document beside it."""
    assert "://" not in PAGE
    assert re.findall(r"(?:src|srcset|@import|url\()", PAGE) == []
    assert re.findall(r'<link|<img|<iframe|href="([^"]+)"', PAGE) == ["openapi.json"]
    assert re.findall(r'fetch\("([^"]+)"\)', PAGE) == ["openapi.json"]


def test_the_page_and_the_document_are_for_everybody() -> None:
    """Who has no token yet can read how to use one."""

    async def run() -> list[Heard]:
        async with served(ROUTES) as url:
            return [
                await asked(f"{url}{PREFIX}/{name}", role=None) for name in ("", "openapi.json")
            ]

    page, told = asyncio.run(run())
    assert (page[0], page[1]) == (200, PAGE)
    assert page[2]["Content-Type"].startswith("text/html")
    assert page[2]["Content-Security-Policy"].startswith("default-src 'none'")
    assert told[1] == document(ROUTES)


def test_the_table_has_every_route() -> None:
    """docs/api.md lists what is served; `python -m tests.api.route_table` writes it."""
    text = route_table.PAGE.read_text(encoding="utf-8")
    assert route_table.TABLE.findall(text) == [route_table.table()]
