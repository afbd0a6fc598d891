"""Using the HTTP API of workers, as a program does: http.client, which knows nothing of ours."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple
from urllib.parse import quote

from journeystream.embedded_broker import free_port
from tests.api.calls import TOKENS

__all__ = ["MORE", "TOKENS", "Answer", "Api"]
_ROWS = "".join(
    f"    - {{name: {role}, role: {role}, token: {token}}}\n" for role, token in TOKENS.items()
)
MORE = f"api:\n  requests_per_second: 1000\n  tokens:\n{_ROWS}"
"""Lines of a project file with a token for each role."""


class Answer(NamedTuple):
    """What was answered; the body is JSON where it says so, else text."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def etag(self) -> str:
        """Return the name of the state that is shown."""
        return self.headers["etag"]


def path_of(*words: str) -> str:
    """Return a path made of any texts."""
    return "".join(f"/{quote(word, safe='')}" for word in words)


class Api:
    """The API at a port of its own, with an admin's token unless another is given."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.options = ("--http-port", str(self.port))

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        role: str | None = "admin",
        **headers: str,
    ) -> Answer:
        """Send a request; `If_Match="…"` is a header. OSError while nobody answers."""
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        if role is not None:
            sent["Authorization"] = f"Bearer {TOKENS.get(role, role)}"
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, f"/api/v1{path}", data, sent)
            response = connection.getresponse()
            raw = response.read()
            named = {name.lower(): text for name, text in response.getheaders()}
        finally:
            connection.close()
        is_json = "json" in named.get("content-type", "")
        return Answer(response.status, json.loads(raw) if is_json else raw.decode(), named)

    def get(self, path: str, **others: Any) -> Answer:  # noqa: ANN401  as `ask` takes it
        """Look."""
        return self.ask("GET", path, **others)

    def post(self, path: str, body: object = None, **others: Any) -> Answer:  # noqa: ANN401  as above
        """Do."""
        return self.ask("POST", path, body, **others)

    def put(self, path: str, body: object = None, **others: Any) -> Answer:  # noqa: ANN401  as above
        """Save."""
        return self.ask("PUT", path, body, **others)

    def delete(self, path: str, **others: Any) -> Answer:  # noqa: ANN401  as above
        """Delete."""
        return self.ask("DELETE", path, **others)

    def is_ready(self) -> bool:
        """Tell whether every partition answers."""
        try:
            answer = self.get("/workers")
        except (OSError, http.client.HTTPException):
            return False
        return answer.status == 200 and not answer.body["missing"]
