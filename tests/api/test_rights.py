"""Every route has its right, written here by hand: a new one has to be thought about."""

import itertools

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from agent_browser.api import rights
from agent_browser.models.rights import ROLES, Right, Role
from agent_browser.settings import Settings
from tests.api.conftest import direct, make
from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio

SESSION, FUNCTION = "/v1/sessions/{session_id}", "/v1/functions"
DRIVEN = (
    "open", "run", "snapshot", "interact", "screenshot", "close", "emulate", "downloads", "read",
    "pdf", "record", "trace", "requests", "request", "route", "har", "console",
)  # fmt: skip
WITH_STATE = ("storage", "cookies", "messages")
EXPECTED: dict[str, str] = {
    "GET /healthz": "",
    "GET /readyz": "watch",
    "GET /metrics": "watch",
    "GET /v1/whoami": "watch",
    "POST /v1/keys": "admin",
    "GET /v1/keys": "admin",
    "GET /v1/keys/{key_id}": "admin",
    "DELETE /v1/keys/{key_id}": "admin",
    "POST /v1/keys/{key_id}/rotate": "admin",
    "POST /v1/drain": "admin",
    "DELETE /v1/drain": "admin",
    "POST /v1/sessions": "drive",
    "GET /v1/sessions": "watch",
    "GET /v1/sessions/health": "watch",
    f"GET {SESSION}": "watch",
    f"PATCH {SESSION}": "drive",
    f"DELETE {SESSION}": "drive",
    f"PATCH {SESSION}/timeout": "drive",
    f"POST {SESSION}/renew": "drive",
    f"POST {SESSION}/heartbeat": "drive",
    f"POST {SESSION}/keepalive": "drive",
    f"POST {SESSION}/control": "drive",
    f"GET {SESSION}/control": "watch",
    f"DELETE {SESSION}/control": "drive",
    f"POST {SESSION}/hibernate": "drive",
    f"POST {SESSION}/resume": "drive",
    f"POST {SESSION}/fork": "drive",
    f"GET {SESSION}/checkpoints": "watch",
    f"POST {SESSION}/checkpoints": "drive",
    f"POST {SESSION}/checkpoints/{{checkpoint_id}}/restore": "drive",
    f"GET {SESSION}/state": "state",
    f"PUT {SESSION}/state": "drive state",
    f"GET {SESSION}/storage/{{area}}": "state",
    f"DELETE {SESSION}/storage/{{area}}": "drive state",
    f"GET {SESSION}/storage/{{area}}/{{key}}": "state",
    f"PUT {SESSION}/storage/{{area}}/{{key}}": "drive state",
    f"DELETE {SESSION}/storage/{{area}}/{{key}}": "drive state",
    f"GET {SESSION}/cookies": "state",
    f"DELETE {SESSION}/cookies": "drive state",
    f"GET {SESSION}/messages": "state",
    f"GET {SESSION}/actions": "watch",
    f"GET {SESSION}/events": "watch",
    f"GET {SESSION}/traffic": "watch",
    f"POST {SESSION}/uploads": "drive",
    f"GET {SESSION}/uploads": "watch",
    f"DELETE {SESSION}/uploads/{{name}}": "drive",
    f"POST {SESSION}/execute": "drive execute",
    f"POST {FUNCTION}/execute": "drive execute",
    "GET /v1/profiles": "watch",
    "GET /v1/profiles/{name}": "watch",
    "PUT /v1/profiles/{name}": "drive state",
    "DELETE /v1/profiles/{name}": "drive state",
    "GET /v1/profiles/{name}/state": "state",
    "GET /v1/secrets": "watch",
    "GET /v1/secrets/{name}": "watch",
    "PUT /v1/secrets/{name}": "secrets",
    "DELETE /v1/secrets/{name}": "secrets",
    "GET /v1/events": "watch",
    "POST /v1/webhooks": "drive",
    "GET /v1/webhooks": "watch",
    "GET /v1/webhooks/{webhook_id}": "watch",
    "PATCH /v1/webhooks/{webhook_id}": "drive",
    "DELETE /v1/webhooks/{webhook_id}": "drive",
    "GET /v1/webhooks/{webhook_id}/deliveries": "watch",
    "POST /v1/webhooks/{webhook_id}/test": "drive",
    "GET /v1/artifacts/{artifact_id}": "watch",
    "GET /v1/recordings": "recordings",
    "GET /v1/recordings/{recording_id}": "recordings",
    "DELETE /v1/recordings/{recording_id}": "recordings",
    "GET /v1/operations": "watch",
    "GET /v1/operations/{operation_id}": "watch",
    "GET /v1/operations/{operation_id}/events": "watch",
    "POST /v1/operations/{operation_id}/cancel": "drive",
    "DELETE /v1/operations/{operation_id}": "drive",
    "POST /v1/compare": "drive",
    "POST /v1/scrape": "drive",
    "GET /v1/links/{token}": "",
    "POST /v1/artifacts/{artifact_id}/link": "watch",
    "POST /v1/recordings/{recording_id}/link": "recordings",
    "GET /v1/quotas/{owner}": "admin",
    "PUT /v1/quotas/{owner}": "admin",
    "GET /v1/usage": "watch",
    "GET /v1/audit": "admin",
} | {
    f"POST {place}/{name}": right
    for place in (SESSION, FUNCTION)
    for names, right in ((DRIVEN, "drive"), (WITH_STATE, "drive state"))
    for name in names
}
"""The rights that a route needs; those that a body asks for come on top."""
COMING = ("/v1/secrets", "/v1/usage", "/v1/audit", f"{SESSION}/traffic")
"""Begin what this app may have or not."""
HIDDEN = {
    "GET /openapi.json": "watch", "GET /docs": "watch", "GET /docs/errors": "watch",
    "GET /docs/reference.css": "watch", "HEAD /healthz": "", "HEAD /readyz": "watch",
    "HEAD /v1/artifacts/{artifact_id}": "watch", f"POST {FUNCTION}/nothing": "drive",
}  # fmt: skip
"""Routes that the description leaves out."""


def listed(app: FastAPI) -> set[str]:
    return {
        f"{method.upper()} {path}"
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }


async def test_every_route_has_its_right_here(app: FastAPI) -> None:
    routes = listed(app)
    assert routes - set(EXPECTED) == set(), "say in this table what right they need"
    gone = {one for one in set(EXPECTED) - routes if not one.split(" ")[1].startswith(COMING)}
    assert gone == set()


@pytest.mark.parametrize(("route", "wanted"), [*EXPECTED.items(), *HIDDEN.items()])
def test_a_route_needs_what_the_table_says(route: str, wanted: str) -> None:
    method, path = route.split(" ")
    for value in ("x", "ses_0000000000000000000000", "a b", "%2e%2e", "é"):
        filled = path
        for name in ("session_id", "key_id", "checkpoint_id", "area", "key", "name", "webhook_id",
                     "artifact_id", "recording_id", "operation_id", "token", "owner"):  # fmt: skip
            filled = filled.replace(f"{{{name}}}", value)
        assert rights.needed(method, filled) == set(wanted.split()), filled


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"), ("GET", "/v1"), ("GET", "/v1/nothing"), ("POST", "/v1/nothing"),
        ("OPTIONS", "/v1/sessions"), ("TRACE", "/healthz"), ("POST", "/healthz"),
        ("get", "/healthz"), ("GET", "/healthz/"), ("GET", "//healthz"), ("GET", "/healthz\n"),
        ("GET", "/v1/sessions/x/new"), ("GET", "/v1/sessions/"), ("PUT", "/v1/sessions/x"),
        ("DELETE", "/v1/sessions"), ("GET", "/v1/keys/"), ("POST", "/v1/keys/x/y/z"),
        ("GET", "/V1/sessions"), ("GET", "/docs/../v1/keys"), ("GET", "/v1/sessions/a/b/c"),
        ("GET", ""),
    ],
)  # fmt: skip
def test_what_is_not_known_needs_an_admin(method: str, path: str) -> None:
    assert rights.needed(method, path) == {"admin"}


def granted(role: Role, wanted: str) -> bool:
    return set(wanted.split()) <= ROLES[role]


async def test_a_caller_without_the_right_is_told_which(
    settings: Settings, service: FakeService
) -> None:
    made = settings.model_copy(update={"api_keys": SecretStr("ann:0123456789abcdef")})
    app = make(made, service)
    async with direct(app, headers={"X-API-Key": "0123456789abcdef"}) as client:
        for method, path in (("GET", "/v1/keys"), ("POST", "/v1/drain"), ("GET", "/v1/nothing")):
            refused = await client.request(method, path)
            assert refused.status_code == 403
            assert (refused.json()["code"], refused.json()["right"]) == ("forbidden", "admin")
    assert not service.holds_off


def test_the_roles_are_as_the_table_of_the_docs_says() -> None:
    reads: list[Right] = ["watch", "recordings"]
    assert ROLES["viewer"] == set(reads)
    assert ROLES["admin"] - ROLES["operator"] == {"admin"}
    for role, route in itertools.product(ROLES, EXPECTED):
        method = route.split(" ")[0]
        if role == "viewer" and granted(role, EXPECTED[route]):
            assert method == "GET" or "recordings" in route or route.endswith("/link"), route
