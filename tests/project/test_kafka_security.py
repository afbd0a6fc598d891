"""How Kafka is reached: what goes together, and that no secret is ever told."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeystream.errors import ProjectFileError
from journeystream.project import load_project
from tests.project.files import SOURCE, Write, problems

_PASSWORD = "JOURNEYSTREAM_KAFKA__SECURITY__PASSWORD"  # noqa: S105  a name
_CLIENT = "JOURNEYSTREAM_KAFKA__SECURITY__OAUTH__CLIENT_SECRET"
_SECRET = "zUcChInI-12"  # noqa: S105  nobody's


def security(settings: str) -> str:
    """Return a project file with such security settings on line 2."""
    return f"{SOURCE}kafka: {{bootstrap: 'k:1', security: {{{settings}}}}}\n"


@pytest.mark.parametrize(
    "good",
    [
        "",
        "protocol: tls",
        "protocol: tls, ca_file: ca.pem, certificate_file: c.pem, key_file: k.pem",
        "protocol: sasl_tls, mechanism: PLAIN, username: u, password_file: f",
        "protocol: sasl_plaintext, mechanism: SCRAM-SHA-256, username: u, password_file: f",
        "protocol: sasl_tls, mechanism: OAUTHBEARER, oauth: {token_file: f}",
        (
            "protocol: sasl_tls, mechanism: OAUTHBEARER, oauth: {token_endpoint: 'https://i/t', "
            "client_id: c, client_secret_file: f, scope: a b, ca_file: x}"
        ),
    ],
)
def test_what_goes_together_loads(write: Write, good: str) -> None:
    """Every way in that there is can be written down."""
    write(security(good))
    load_project()


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("protocol: ssl", ["protocol: 'ssl' is not known; write 'plaintext', 'tls'"]),
        ("ca_file: x", ["ca_file: plaintext has no TLS, and it would not be used; remove it"]),
        ("username: x", ["username: plaintext has no SASL, and it would not be used; remove"]),
        ("protocol: tls, key_file: x", ["certificate_file: it is missing beside key_file; add it"]),
        ("protocol: tls, mechanism: PLAIN", ["mechanism: tls has no SASL, and it would not be"]),
        ("protocol: sasl_tls", ["mechanism: it is missing, and SASL needs one; write PLAIN"]),
        (
            "protocol: sasl_tls, mechanism: PLAIN",
            [
                "password_file: it is missing; name a file that holds it, or set " + _PASSWORD,
                "username: it is missing, and PLAIN needs one; add it",
            ],
        ),
        (
            "protocol: sasl_tls, mechanism: PLAIN, username: u, password_file: f, oauth: {}",
            [
                "oauth.client_id: it is missing; add it, or name a token_file",
                "oauth.client_secret_file: it is missing; name a file that holds it, or set "
                + _CLIENT,
                "oauth.token_endpoint: it is missing; add it, or name a token_file",
                "oauth: PLAIN has no tokens, and it would not be used; remove it, or use OAUTH",
            ],
        ),
        (
            "protocol: sasl_tls, mechanism: OAUTHBEARER, username: u",
            [
                "oauth: it is missing, and OAUTHBEARER needs it; say in oauth where tokens",
                "username: OAUTHBEARER has tokens instead, and it would not be used; remove",
            ],
        ),
        (
            "protocol: sasl_tls, mechanism: OAUTHBEARER, oauth: {token_file: f, client_id: c}",
            ["oauth.client_id: token_file has the token, and it would not be used; remove it, or"],
        ),
    ],
)
def test_what_does_not_go_together_is_told_at_once(write: Write, bad: str, told: list[str]) -> None:
    """Each problem stands at its setting, with what to do; all of them come together."""
    write(security(bad))
    found = problems()
    assert len(found) == len(told)
    for problem, expected in zip(found, told, strict=True):
        assert problem.startswith(f"journeystream.yaml:2: kafka.security.{expected}")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://idp/token", "'http://idp/token' would send the secret in the clear; write"),
        ("idp/token", "this is no address; write one as in https://idp"),
        ("https://u:p@idp/token", "this is no address; write one as in https://idp"),
    ],
)
def test_a_secret_goes_out_over_tls_only(write: Write, url: str, told: str) -> None:
    """A token endpoint has an https address, without a password in it."""
    write(
        security(
            "protocol: sasl_tls, mechanism: OAUTHBEARER, oauth: {client_id: c, "
            f"client_secret_file: f, token_endpoint: '{url}'}}"
        )
    )
    assert problems()[0].startswith(
        f"journeystream.yaml:2: kafka.security.oauth.token_endpoint: {told}"
    )


def test_the_embedded_broker_has_no_security(write: Write) -> None:
    """Who asks for TLS is told that the embedded broker has none."""
    write(f"{SOURCE}kafka: {{bootstrap: embedded, security: {{protocol: tls}}}}\n")
    assert problems()[0].startswith(
        "journeystream.yaml:2: kafka.security.protocol: the embedded broker knows neither TLS"
    )


def test_a_secret_comes_from_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets are text, whatever they look like, and no print-out of the project shows them."""
    write(security("protocol: sasl_tls, mechanism: PLAIN, username: u"))
    monkeypatch.setenv(_PASSWORD, "12345678")
    project = load_project()
    password = project.kafka.security.password
    assert password is not None
    assert password.get_secret_value() == "12345678"
    for shown in (repr(project), str(project), project.model_dump_json(), f"{project!r}"):
        assert "12345678" not in shown


def test_a_secret_has_no_place_in_the_project_file(write: Write) -> None:
    """What is kept with the journeys, where many can read it, holds no secret."""
    write(security("protocol: sasl_tls, mechanism: PLAIN, username: u, password: x"))
    assert problems() == [
        (
            "journeystream.yaml:2: kafka.security.password: a secret does not belong in this file; "
            f"set {_PASSWORD}, or name a file in kafka.security.password_file"
        )
    ]


_values = st.sampled_from(
    [_SECRET, [_SECRET], {"password": _SECRET}, {"client_secret": _SECRET}, None]
)
_trees = st.fixed_dictionaries(
    {"password": _values},
    optional={
        "protocol": st.sampled_from(["plaintext", "sasl_tls", "x", 5]),
        "mechanism": st.sampled_from(["PLAIN", "OAUTHBEARER", 5]),
        "oauth": st.fixed_dictionaries({"client_secret": _values, "scope": st.just("s")}),
        "pasword": st.just("x"),
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tree=_trees, cut=st.integers(0, 40), where=st.sampled_from(["file", "variable", "group"]))
def test_no_problem_tells_a_secret(
    write: Write, tree: dict[str, Any], cut: int, where: str
) -> None:
    """Wherever a secret stands and whatever else is wrong, no error shows it."""
    text = json.dumps(tree)
    if where == "file":
        write(f"{SOURCE}kafka: {{security: {text}}}\n")
        variables = {}
    else:
        write(SOURCE)
        name = "KAFKA__SECURITY" if where == "variable" else "KAFKA"
        # Cut off, it is no JSON any more.
        told = text if where == "variable" else json.dumps({"security": tree})
        variables = {f"JOURNEYSTREAM_{name}": told[: len(told) - cut]}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setitem(os.environ, name, value)
        try:
            shown = repr(load_project())
        except ProjectFileError as error:
            shown = str(error)
    assert _SECRET not in shown


def test_files_are_looked_at_when_kafka_is(write: Write) -> None:
    """A project can be checked where its secrets are not at hand."""
    write(
        security(
            "protocol: sasl_tls, mechanism: PLAIN, username: u, password_file: /not/here, "
            "ca_file: /nor/here"
        )
    )
    assert load_project().kafka.security.ca_file == Path("/nor/here")
