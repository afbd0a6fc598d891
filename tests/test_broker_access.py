"""How clients get into Kafka: what they are given, and that it is not told."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from journeystream.broker_access import BrokerAccess, access_of
from journeystream.errors import ProjectFileError
from journeystream.project import Project


def project(directory: Path, **security: Any) -> Project:  # noqa: ANN401  any setting
    """Return a project whose file lies in a directory."""
    settings = {
        "sources": [{"topic": "e"}],
        "kafka": {"bootstrap": "k:1,l:2", "security": security},
    }
    return Project.model_validate(settings, context={"directory": directory})


def test_without_security_clients_speak_plainly(tmp_path: Path) -> None:
    """Where nothing is set, nothing is shown; as text, the access is the address."""
    access = access_of(project(tmp_path))
    assert str(access) == access.address == "k:1,l:2"
    assert access.user is None
    assert dict(access.arguments) == {"security_protocol": "PLAINTEXT"}


def test_clients_get_what_the_files_hold(tmp_path: Path) -> None:
    """Paths start at the project file; the line's end is no part of a password."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "password").write_text(" a secret\n")
    access = access_of(
        project(
            tmp_path,
            protocol="sasl_tls",
            ca_file="ca.pem",
            mechanism="SCRAM-SHA-512",
            username="jane",
            password_file="password",  # noqa: S106  a file's name
        )
    )
    assert access.user == "jane"
    assert access.arguments["security_protocol"] == "SASL_SSL"
    assert access.arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert access.arguments["sasl_plain_username"] == "jane"
    assert access.arguments["sasl_plain_password"] == " a secret"  # noqa: S105  nobody's
    context = access.arguments["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1
    assert "a secret" not in f"{access} {access!r}"


def test_all_files_that_are_wrong_are_told_at_once(tmp_path: Path) -> None:
    """Each with its setting, its path and what is wrong; what is in it is not told."""
    (tmp_path / "ca.pem").write_text("zUcChInI")
    (tmp_path / "secret").write_text("zUcChInI\nzUcChInI\n")
    settings = project(
        tmp_path,
        protocol="sasl_tls",
        ca_file="ca.pem",
        certificate_file="not-there.pem",
        key_file="ca.pem",
        mechanism="OAUTHBEARER",
        oauth={
            "token_endpoint": "https://idp/token",
            "client_id": "me",
            "client_secret_file": "secret",
            "ca_file": "nor-this.pem",
        },
    )
    with pytest.raises(ProjectFileError) as caught:
        access_of(settings)
    told = str(caught.value)
    assert [line.partition(" can not be used (")[0] for line in told.splitlines()] == [
        f"kafka.security.ca_file: {tmp_path}/ca.pem",
        f"kafka.security.certificate_file: {tmp_path}/not-there.pem",
        f"kafka.security.oauth.client_secret_file: {tmp_path}/secret",
        f"kafka.security.oauth.ca_file: {tmp_path}/nor-this.pem",
    ]
    assert "it does not hold one line of text" in told
    assert "zUcChInI" not in told


def test_an_encrypted_key_is_refused_without_asking(tmp_path: Path) -> None:
    """A worker has no terminal at which a password could be typed."""
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ec import (  # noqa: PLC0415
        SECP256R1,
        generate_private_key,
    )

    trustme.CA().issue_cert("me").cert_chain_pems[0].write_to_path(tmp_path / "me.pem")
    key = generate_private_key(SECP256R1()).private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"x")
    )
    (tmp_path / "me.key").write_bytes(key)
    with pytest.raises(ProjectFileError, match=r"certificate_file: .*me\.pem can not be used"):
        access_of(project(tmp_path, protocol="tls", certificate_file="me.pem", key_file="me.key"))


def test_an_access_without_arguments_is_that_of_a_test() -> None:
    """An address alone is access to a broker that asks for nothing."""
    assert BrokerAccess("127.0.0.1:9092").arguments == {}
