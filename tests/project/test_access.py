"""Settings of who may use the API: what is wrong is told, but never a token."""

from __future__ import annotations

import pytest

from journeystream.project import load_project
from tests.project.files import SOURCE, Write, problems

SECRET = "hush-0123456789"  # noqa: S105  no token: too short, and looked for
LONG = f"{SECRET}-abcdef"


@pytest.mark.parametrize(
    ("api", "told"),
    [
        (f"{{tokens: [{{name: a, role: read, token: {SECRET}}}]}}", "a token has 16 to 512"),
        (f"{{tokens: [{{name: a, role: read, token: '{LONG} {LONG}'}}]}}", "without spaces"),
        (f"{{tokens: [{{name: a, role: read, token: {LONG}ü}}]}}", "of ASCII"),
        ("{tokens: [{name: a, role: read, token: 998877665544332211}]}", "is not text"),
        (f"{{tokens: [{{name: a, role: read, token: [{LONG}]}}]}}", "is not text"),
        (f"{{tokens: {LONG}}}", "is no list"),
        (f"{{tokens: [{LONG}]}}", "is no group of settings"),
        (f"{LONG}", "is no group of settings"),
        (f"{{tokens: [{{name: a, role: read, token: {LONG}, x: {LONG}}}]}}", "no such setting"),
        (
            f"{{tokens: [&t {{name: a, role: read, token: {LONG}}}, *t]}}",
            "two have the same token",
        ),
    ],
)
def test_a_wrong_token_is_told_without_it(write: Write, api: str, told: str) -> None:
    """The line, the setting and what to write are told; what was written is not."""
    write(f"{SOURCE}api: {api}\n")
    [problem] = problems()
    assert problem.startswith("journeystream.yaml:2: api")
    assert told in problem
    assert "hush" not in problem
    assert "9988" not in problem


@pytest.mark.parametrize(
    "value",
    [
        f'[{{"name": "a", "role": "read", "token": "{SECRET}"}}]',
        f'[{{"name": "a", "role": "read", "token": "{LONG}"',
        LONG,
    ],
)
def test_a_wrong_variable_is_told_without_its_token(
    write: Write, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """A secret in the environment is as little told as one in the file."""
    write(SOURCE)
    monkeypatch.setenv("JOURNEYSTREAM_API__TOKENS", value)
    [problem] = problems()
    assert problem.startswith("JOURNEYSTREAM_API__TOKENS: api.tokens")
    assert "hush" not in problem


def test_a_project_does_not_show_its_tokens(write: Write) -> None:
    """Whoever writes settings into a log writes no secret."""
    write(f"{SOURCE}api: {{tokens: [{{name: a, role: read, token: {LONG}}}]}}\n")
    project = load_project()
    assert project.api.tokens[0].token.get_secret_value() == LONG
    assert "hush" not in repr(project) + str(project.model_dump()) + project.model_dump_json()
