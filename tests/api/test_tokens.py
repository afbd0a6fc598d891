"""Who is let in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.api.problems import Refused
from journeystream.api.routes import Role
from journeystream.api.tokens import Tokens, check_open, demand, demand_own_page
from journeystream.errors import ProjectFileError
from journeystream.project_access import Api
from tests.api.calls import TOKENS, settings


@pytest.mark.parametrize("role", TOKENS)
def test_a_token_says_who_and_what_they_may(role: str) -> None:
    """A known token is its name and role; the scheme is written in any case."""
    for scheme in ("Bearer", "bearer", "BEARER"):
        found = Tokens(settings()).bearer(f"{scheme} {TOKENS[role]}")
        assert found == (role, Role[role.upper()])


@given(st.one_of(st.none(), st.text(), st.text().map(lambda text: f"Bearer {text}")))
def test_nobody_else_is_let_in(authorization: str | None) -> None:
    """Without a token that is known, whatever is sent is 401, with the scheme to use."""
    with pytest.raises(Refused) as refused:
        Tokens(settings()).bearer(authorization)
    assert refused.value.status == 401
    assert "Bearer" in refused.value.headers["WWW-Authenticate"]


def test_a_part_of_a_token_is_none() -> None:
    """Neither the beginning of a token nor more than it lets anybody in."""
    for given_ in (TOKENS["admin"][:-1], TOKENS["admin"] + "x"):
        with pytest.raises(Refused):
            Tokens(settings()).bearer(f"Bearer {given_}")


def test_without_tokens_there_is_no_api() -> None:
    """A project that says nothing lets nobody in; `open` lets in everybody."""
    assert Tokens(Api()).are_useless
    assert not Tokens(Api(open=True)).are_useless
    assert Tokens(Api(open=True)).bearer(None) == ("anybody", Role.ADMIN)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("wanted", Role)
def test_a_role_allows_what_those_before_it_do(role: Role, wanted: Role) -> None:
    """Admins may all, writers may read, readers may look only; a refusal is 403."""
    if role >= wanted:
        demand(role, wanted)
        return
    with pytest.raises(Refused, match=f"role {wanted.name.lower()}") as refused:
        demand(role, wanted)
    assert refused.value.status == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com"])  # noqa: S104  refused
def test_open_is_for_loopback(host: str) -> None:
    """Everybody's rights are given to this machine only, and the error says what to use."""
    with pytest.raises(ProjectFileError, match=r"api\.tokens"):
        check_open(Api(open=True), host)
    check_open(settings(), host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_may_be_open(host: str) -> None:
    """What only this machine reaches may be open."""
    check_open(Api(open=True), host)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:9100", "https://evil.example"),
        ("127.0.0.1:9100", "http://127.0.0.1:3000"),
        ("127.0.0.1:9100", "null"),
        ("rebound.example:9100", None),
        ("rebound.example:9100", "http://rebound.example:9100"),
        ("[", None),
    ],
)
def test_pages_of_others_ask_in_vain(host: str, origin: str | None) -> None:
    """Where all is open, a page of another site that a browser shows here may do nothing."""
    with pytest.raises(Refused) as refused:
        demand_own_page(host, origin)
    assert refused.value.status == 403


@pytest.mark.parametrize("host", ["127.0.0.1:9100", "localhost:9100", "[::1]:9100", "localhost"])
def test_the_own_page_and_programs_may_ask(host: str) -> None:
    """A program sends no origin, the API's own page its own."""
    demand_own_page(host, None)
    demand_own_page(host, f"http://{host}")
