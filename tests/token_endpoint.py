"""A token endpoint on this machine, and the keys by which its tokens can be checked.

It gives signed JWTs for client credentials, as an identity provider does (RFC 6749, 4.4; RFC 7519):
`keys` is the JWKS document that a broker checks them by.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import trustme
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

ISSUER, AUDIENCE = "https://idp.test", "kafka"


class TokenEndpoint:
    """Gives tokens to who knows the secret; its attributes may be changed at any time."""

    def __init__(self) -> None:
        self.url = ""
        self.seconds = 300.0
        """How long a token lives."""
        self.client_id, self.secret = "worker", "a-secret-of-the-client"
        self.failing = False
        self.tokens: list[str] = []
        """What it gave."""
        self.scopes: list[str | None] = []
        """What it was asked for."""
        self._key = generate_private_key(65537, 2048)

    @property
    def keys(self) -> str:
        """The public key as a JWKS document."""
        numbers = self._key.public_key().public_numbers()
        n, e = (each.to_bytes((each.bit_length() + 7) // 8) for each in (numbers.n, numbers.e))
        key = {"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": _text(n), "e": _text(e)}
        return json.dumps({"keys": [key]})

    def answer(self, authorization: str, body: str) -> tuple[int, dict[str, object]]:
        """Answer a request: a status and a JSON object."""
        if self.failing:
            return 503, {}
        scheme, _, shown = authorization.partition(" ")
        if scheme != "Basic" or b64decode(shown).decode() != f"{self.client_id}:{self.secret}":
            return 401, {"error": "invalid_client", "error_description": f"you showed {shown}"}
        form = parse_qs(body)
        assert form["grant_type"] == ["client_credentials"]
        self.scopes.append(form.get("scope", [None])[0])
        self.tokens.append(self.token())
        return 200, {
            "access_token": self.tokens[-1],
            "token_type": "bearer",
            "expires_in": self.seconds,
        }

    def token(self) -> str:
        """Return a fresh signed token of the client."""
        now = time.time()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": self.client_id,
            "iat": int(now),
            "exp": int(now + self.seconds),
            "jti": f"{now}",
        }
        head = {"alg": "RS256", "typ": "JWT", "kid": "1"}
        signed = ".".join(_text(json.dumps(part).encode()) for part in (head, claims))
        return f"{signed}.{_text(self._key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


@contextmanager
def token_endpoint(authority: trustme.CA) -> Iterator[TokenEndpoint]:
    """Serve a token endpoint over https, with a certificate of `authority`."""
    endpoint = TokenEndpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, told = endpoint.answer(self.headers.get("Authorization", ""), body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        endpoint.url = f"https://localhost:{server.server_port}/token"
        serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            serving.join()


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
