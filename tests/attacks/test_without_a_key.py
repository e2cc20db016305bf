"""Every operation without a key, with a wrong one, and with a right one in a wrong place."""

from typing import Any

import httpx
import pytest

from tests.attacks.conftest import ANN, calling
from tests.attacks.operations import Operation
from tests.program import Program

pytestmark = pytest.mark.browser

FURTHER = (
    ("GET", "/docs"), ("GET", "/docs/errors"), ("GET", "/docs/reference.css"),
    ("GET", "/openapi.json"), ("HEAD", "/readyz"), ("OPTIONS", "/v1/sessions"), ("GET", "/nothing"),
    ("GET", "/healthz/"), ("GET", "//healthz"), ("GET", "/healthz/../v1/sessions"),
    ("GET", "/healthz%2f..%2fv1/sessions"), ("GET", "/HEALTHZ"), ("TRACE", "/v1/sessions"),
    ("CONNECT", "/v1/sessions"), ("GET", "/%2e/healthz"), ("GET", "/v1/sessions;/healthz"),
)  # fmt: skip
BASIC = httpx.BasicAuth("ann", ANN)._auth_header
WRONG: dict[str, dict[str, Any]] = {
    "none": {},
    "wrong": {"headers": {"Authorization": f"Bearer {ANN[:-1]}x"}},
    "longer": {"headers": {"Authorization": f"Bearer {ANN}x"}},
    "prefix": {"headers": {"X-API-Key": ANN[:-1]}},
    "case": {"headers": {"X-API-Key": ANN.upper()}},
    "empty": {"headers": {"Authorization": "Bearer"}},
    "with its name": {"headers": {"X-API-Key": f"ann:{ANN}"}},
    "basic": {"headers": {"Authorization": BASIC}},
    "another scheme": {"headers": {"Authorization": f"Token {ANN}"}},
    "no scheme": {"headers": {"Authorization": ANN}},
    "cookie": {"headers": {"Cookie": f"key={ANN}; api_key={ANN}; token={ANN}"}},
    "proxy": {"headers": {"Proxy-Authorization": f"Bearer {ANN}"}},
    "two": {"headers": [("X-API-Key", ANN), ("X-API-Key", "b" * 20)]},
    "query": {"params": dict.fromkeys(("key", "api_key", "access_token", "token"), ANN)},
    "as the other says": {"headers": {"X-Forwarded-User": "ann", "X-Remote-User": "ann"}},
    "from here": {"headers": {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}},
    "another path": {"headers": {"X-Original-URL": "/healthz", "X-Rewrite-URL": "/healthz"}},
    "another method": {"headers": {"X-HTTP-Method-Override": "GET"}},
}  # fmt: skip


@pytest.mark.parametrize("how", WRONG)
def test_no_operation_is_done_without_a_key(
    locked: Program, known: list[Operation], how: str
) -> None:
    asked = [(one.method, one.path.replace("{", "").replace("}", "")) for one in known]
    assert ("GET", "/healthz") in asked
    with calling(locked, None) as http:
        for method, path in [*asked, *FURTHER]:
            answer = http.request(method, path, **WRONG[how])
            if path == "/healthz" and how != "two":
                assert answer.json() == {"status": "ok", "service": "agent-browser"}
                continue
            if path == "/v1/links/token" and answer.status_code == 410:
                assert answer.json()["code"] == "link_invalid"  # the right is in the link
                continue
            # A server of HTTP alone answers a method or path that is none with 400.
            assert answer.status_code in (400, 401, 429), f"{method} {path}: {answer.status_code}"
            if answer.status_code == 400:
                assert (method, path) in FURTHER
                continue
            if answer.status_code == 429:  # this address failed too often: nothing is looked at
                assert method == "HEAD" or answer.json()["code"] == "rate_limited"
                continue
            assert answer.headers["www-authenticate"].startswith("Bearer")
            if method != "HEAD":
                assert answer.json()["code"] == "unauthorized", (method, path)
                assert "session" not in answer.json()["detail"]


def test_a_key_is_taken_from_nothing_but_its_two_headers(locked: Program) -> None:
    for headers in ({"Authorization": f"Bearer {ANN}"}, {"X-API-Key": ANN}):
        with calling(locked, None) as http:
            assert http.get("/v1/sessions", headers=headers).status_code == 200
