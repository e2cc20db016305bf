"""Answers for client tests, and a transport that records what it was sent."""

import json
from collections.abc import Callable
from typing import Any

import httpx

SESSION = "ses_AAAAAAAAAAAAAAAAAAAAAA"
ARTIFACT = {
    "id": "art_BBBBBBBBBBBBBBBBBBBBBB",
    "url": "/v1/artifacts/art_BBBBBBBBBBBBBBBBBBBBBB",
    "content_type": "image/png",
    "size": 3,
    "filename": "page.png",
    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "created_at": "2026-01-02T03:04:05.678Z",
}
"""The artifact whose bytes are `abc`."""
RECORD = {
    "id": SESSION,
    "state": "live",
    "phase": "active",
    "created_at": "2026-01-02T03:04:05Z",
    "last_activity_at": "2026-01-02T03:04:05Z",
    "expires_at": "2026-01-02T03:34:05Z",
    "timeouts": {"idle": 1800, "max_duration": 43200},
    "owner": "local",
}
PAGE = {
    "session_id": SESSION,
    "url": "https://example.com/",
    "title": "Example",
    "status": 200,
    "elements": [{"ref": "@e1", "desc": '@e1 [a] "More"', "tag": "a"}],
    "elements_text": '@e1 [a] "More"',
    "total": 1,
}

Answer = Callable[[httpx.Request], httpx.Response]


def problem(status: int, code: str, title: str = "T", **fields: object) -> httpx.Response:
    """A problem as the server sends it."""
    body = {
        "type": f"/docs/errors#{code}",
        "title": title,
        "status": status,
        "detail": f"detail of {code}",
        "code": code,
        "retryable": False,
        "recovery": "retry",
        "request_id": "req_x",
        **fields,
    }
    return httpx.Response(
        status,
        content=json.dumps(body),
        headers={"content-type": "application/problem+json"},
    )


class Recorder(httpx.MockTransport):
    """Gives `answer`, and keeps the requests. Serves both kinds of client."""

    def __init__(self, answer: Answer | httpx.Response) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer
        super().__init__(self._record)

    @property
    def last(self) -> httpx.Request:
        """The request sent last."""
        return self.requests[-1]

    @property
    def sent(self) -> Any:
        """The JSON body of the last request."""
        return json.loads(self.last.content)

    def _record(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self._answer, httpx.Response):
            return self._answer
        return self._answer(request)
