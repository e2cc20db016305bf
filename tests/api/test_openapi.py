"""The description, as a generator of clients would read it."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from agent_browser.api import problems
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from tests.api.conftest import direct, keys, make
from tests.api.fake import FakeService

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def service(settings: Settings) -> FakeService:
    return FakeService(ArtifactStore(settings))  # not entered: nothing is kept here


@pytest.fixture
def schema(settings: Settings, service: FakeService) -> dict[str, Any]:
    return make(settings, service).openapi()


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert method in METHODS
            yield path, method, operation


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def test_the_routes_are_those_of_the_contract(schema: dict[str, Any]) -> None:
    functions = (
        "open", "run", "snapshot", "interact", "screenshot", "execute", "close", "downloads",
        "requests", "request", "route", "har", "console", "emulate", "read", "pdf",
        "storage", "cookies", "messages",
        "record", "trace",
    )  # fmt: skip
    found = {(method.upper(), path) for path, method, _ in _operations(schema)}
    assert found == {
        *(("POST", f"/v1/functions/{name}") for name in functions),
        *(("POST", f"/v1/sessions/{{session_id}}/{name}") for name in functions),
        ("POST", "/v1/artifacts/{artifact_id}/link"),
        ("POST", "/v1/recordings/{recording_id}/link"),
        ("GET", "/v1/links/{token}"),
        ("GET", "/v1/whoami"),
        *((m, "/v1/keys") for m in ("POST", "GET")),
        *((m, "/v1/keys/{key_id}") for m in ("GET", "DELETE")),
        ("POST", "/v1/keys/{key_id}/rotate"),
        *((m, "/v1/drain") for m in ("POST", "DELETE")),
        ("GET", "/v1/usage"),
        ("GET", "/v1/quotas/{owner}"),
        ("PUT", "/v1/quotas/{owner}"),
        ("GET", "/v1/audit"),
        ("GET", "/v1/sessions/{session_id}/traffic"),
        ("GET", "/v1/secrets"),
        ("GET", "/v1/secrets/{name}"),
        ("PUT", "/v1/secrets/{name}"),
        ("DELETE", "/v1/secrets/{name}"),
        ("GET", "/v1/profiles"),
        ("GET", "/v1/profiles/{name}"),
        ("PUT", "/v1/profiles/{name}"),
        ("DELETE", "/v1/profiles/{name}"),
        ("GET", "/v1/profiles/{name}/state"),
        ("POST", "/v1/sessions"),
        ("GET", "/v1/sessions"),
        ("GET", "/v1/sessions/health"),
        ("GET", "/v1/sessions/{session_id}"),
        ("PATCH", "/v1/sessions/{session_id}"),
        ("PATCH", "/v1/sessions/{session_id}/timeout"),
        *(
            ("POST", f"/v1/sessions/{{session_id}}/{word}")
            for word in ("renew", "heartbeat", "keepalive")
        ),
        ("DELETE", "/v1/sessions/{session_id}"),
        *((method, "/v1/sessions/{session_id}/storage/{area}") for method in ("GET", "DELETE")),
        *(
            (method, "/v1/sessions/{session_id}/storage/{area}/{key}")
            for method in ("GET", "PUT", "DELETE")
        ),
        *((method, "/v1/sessions/{session_id}/cookies") for method in ("GET", "DELETE")),
        ("GET", "/v1/sessions/{session_id}/messages"),
        *(
            ("POST", f"/v1/sessions/{{session_id}}/{word}")
            for word in ("hibernate", "resume", "fork")
        ),
        *((m, "/v1/sessions/{session_id}/checkpoints") for m in ("GET", "POST")),
        ("POST", "/v1/sessions/{session_id}/checkpoints/{checkpoint_id}/restore"),
        *((m, "/v1/sessions/{session_id}/state") for m in ("GET", "PUT")),
        ("GET", "/v1/events"),
        ("GET", "/v1/sessions/{session_id}/events"),
        *((m, "/v1/webhooks") for m in ("POST", "GET")),
        *((m, "/v1/webhooks/{webhook_id}") for m in ("GET", "PATCH", "DELETE")),
        ("GET", "/v1/webhooks/{webhook_id}/deliveries"),
        ("POST", "/v1/webhooks/{webhook_id}/test"),
        *((m, "/v1/sessions/{session_id}/control") for m in ("POST", "GET", "DELETE")),
        ("GET", "/v1/operations"),
        ("GET", "/v1/operations/{operation_id}"),
        ("GET", "/v1/operations/{operation_id}/events"),
        ("POST", "/v1/operations/{operation_id}/cancel"),
        ("DELETE", "/v1/operations/{operation_id}"),
        ("GET", "/v1/sessions/{session_id}/actions"),
        ("POST", "/v1/sessions/{session_id}/uploads"),
        ("GET", "/v1/sessions/{session_id}/uploads"),
        ("DELETE", "/v1/sessions/{session_id}/uploads/{name}"),
        ("GET", "/v1/artifacts/{artifact_id}"),
        ("GET", "/v1/recordings"),
        ("GET", "/v1/recordings/{recording_id}"),
        ("DELETE", "/v1/recordings/{recording_id}"),
        ("POST", "/v1/scrape"),
        ("POST", "/v1/compare"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
    }


def test_every_operation_is_named_and_described(schema: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in _operations(schema)]
    assert len(ids) == len(set(ids))
    for _, _, operation in _operations(schema):
        assert operation["operationId"].isidentifier()
        assert operation["summary"]
        assert len(operation["description"]) > 10
        assert operation["tags"]
        for parameter in operation.get("parameters", []):
            assert parameter["description"]


def test_every_answer_has_a_form(schema: dict[str, Any]) -> None:
    for path, method, operation in _operations(schema):
        assert any(status.startswith("2") for status in operation["responses"])
        for status, response in operation["responses"].items():
            assert response["description"], (path, method, status)
            if status in ("204", "304"):
                assert "content" not in response
                continue
            assert response["content"], (path, method, status)
            for kind, content in response["content"].items():
                assert content["schema"], (path, method, status, kind)
        if path != "/healthz":
            problem = operation["responses"]["default"]["content"]
            assert problem[problems.MEDIA_TYPE]["schema"] == {
                "$ref": "#/components/schemas/Problem"
            }


def test_every_model_has_fields_or_says_that_it_has_none(schema: dict[str, Any]) -> None:
    for name, model in schema["components"]["schemas"].items():
        assert model.get("properties") or model.get("additionalProperties") is False, name
    assert "HTTPValidationError" not in schema["components"]["schemas"]


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    for reference in _references(schema):
        assert reference.startswith("#/components/schemas/")
        assert reference.rpartition("/")[2] in schema["components"]["schemas"]


def test_every_example_is_of_the_form_that_it_is_an_example_of(schema: dict[str, Any]) -> None:
    checked = 0
    for path, method, operation in _operations(schema):
        shown = [("body", operation.get("requestBody", {}).get("content", {}))]
        shown += [(status, r.get("content", {})) for status, r in operation["responses"].items()]
        for where, contents in shown:
            for content in contents.values():
                examples = [e["value"] for e in content.get("examples", {}).values()]
                examples += [content["example"]] if "example" in content else []
                for example in examples:
                    form = {**content["schema"], "components": schema["components"]}
                    errors = list(jsonschema_rs.iter_errors(form, example))
                    assert not errors, (path, method, where, errors)
                    checked += 1
    assert checked > 30


def test_every_post_that_takes_a_body_shows_one(schema: dict[str, Any]) -> None:
    for path, method, operation in _operations(schema):
        if method == "post" and "requestBody" in operation:
            content = operation["requestBody"]["content"]
            if set(content) == {"multipart/form-data"}:
                assert content["multipart/form-data"]["schema"]["properties"]["file"], path
                continue
            assert content["application/json"]["schema"], path
            assert content["application/json"]["examples"], path


def test_the_keys_are_in_it(
    schema: dict[str, Any], settings: Settings, service: FakeService
) -> None:
    assert set(schema["components"]["securitySchemes"]) == {"bearer", "key"}
    assert {} in schema["security"]
    locked = make(settings, service, api_keys=keys()).openapi()
    assert {} not in locked["security"]
    assert locked["paths"]["/healthz"]["get"]["security"] == []


@pytest.mark.anyio
async def test_it_is_served(
    settings: Settings, service: FakeService, schema: dict[str, Any]
) -> None:
    async with direct(make(settings, service)) as client:
        response = await client.get("/openapi.json")
    assert response.headers["content-type"] == "application/json"
    assert response.json() == schema
    assert schema["openapi"].startswith("3.1")
