"""What would let a request start programs, read files or run code in the server is a field of no
body: refused wherever a field can stand, by every operation that takes a body.
"""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.attacks.operations import Json, Operation, Pointer, put

pytestmark = pytest.mark.browser

WORDS = (
    "args", "launch_args", "launchOptions", "launch_options", "executable_path", "executablePath",
    "user_data_dir", "userDataDir", "cdp_url", "cdpUrl", "ws_endpoint", "wsEndpoint", "channel",
    "init_script", "init_scripts", "addInitScript", "ignore_default_args", "env", "downloads_path",
    "chromium_sandbox", "sandbox", "bypass_csp", "ignore_https_errors", "extensions", "hooks",
    "script_path", "path_on_server", "client_certificates", "record_har_path", "storage_state_path",
    "owner", "rights", "role", "__proto__", "constructor", "__class__",
)  # fmt: skip
ALLOWED = frozenset({"KeyCreate.owner", "KeyCreate.role", "Reading.args"})
"""Those that are fields of a body all the same, and mean something else."""
_TELLING = re.compile(
    r"(executable|user_?data|cdp|ws_?endpoint|init_?script|ignore_default|launch|binary|(^|_)args?$"
    r"|(^|_)env$|bypass_csp|ignore_https|(^|_)hooks?$|_dir$)",
    re.IGNORECASE,
)
OPEN = frozenset(
    {
        "permissions_by_origin", "extra_headers", "headers_by_origin", "headers", "metadata",
        "schema", "fields", "credentials", "input",
    }
)  # fmt: skip
"""Fields whose names callers choose: a table of texts; an input that is checked as a function's."""


def _models(
    operation: Operation, schema: Json, at: Pointer, seen: frozenset[str]
) -> Iterator[tuple[Pointer, str, Json]]:
    """Every object that a body may hold: where, its name, its schema."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if name:
        if name in seen:
            return
        seen, schema = seen | {name}, operation.schemas[name]
    if schema.get("type") == "object":
        yield at, name, schema
    for field, inner in schema.get("properties", {}).items():
        yield from _models(operation, inner, (*at, field), seen)
    for word in ("anyOf", "oneOf", "allOf"):
        for inner in schema.get(word, []):
            yield from _models(operation, inner, at, seen)
    if isinstance(schema.get("items"), dict):
        yield from _models(operation, schema["items"], (*at, 0), seen)


def models(operation: Operation) -> list[tuple[Pointer, str, Json]]:
    content = operation.about.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return list(_models(operation, schema, (), frozenset())) if schema else []


def test_no_body_has_a_field_of_that_kind(known: list[Operation]) -> None:
    found, walked = set(), 0
    for operation in known:
        for at, name, schema in models(operation):
            walked += 1
            fields = set(schema.get("properties", {}))
            found |= {f"{name}.{one}" for one in fields & set(WORDS)}
            found |= {f"{name}.{one}" for one in fields if _TELLING.search(one)}
            if schema.get("additionalProperties") is not False:
                last = next((step for step in reversed(at) if isinstance(step, str)), "")
                assert last in OPEN, (operation.path, at)
    assert walked > 100
    assert found - ALLOWED == set()


def test_each_is_refused_by_name_wherever_it_is_put(
    callers: dict[str, httpx.Client], known: list[Operation]
) -> None:
    taken: list[tuple[Any, ...]] = []
    for operation in known:
        if not operation.takes_json:
            continue
        bodies = operation.bodies or [{}]
        places = [
            at for at, _, schema in models(operation) if not schema.get("additionalProperties")
        ]
        for at in dict.fromkeys(places):
            answers = [_sent(callers["dan"], operation, _with(one, at, WORDS[0])) for one in bodies]
            named = any(WORDS[0] in answer.text for answer in answers)
            if not named or {answer.status_code for answer in answers} != {400}:
                taken.append((operation.id, at, answers[0].status_code, answers[0].text[:300]))
        fields = {f for at, _, schema in models(operation) if not at for f in schema["properties"]}
        for word in set(WORDS) - fields:
            answer = _sent(callers["dan"], operation, _with(bodies[0], (), word))
            if answer.status_code != 400 or word not in answer.text:
                taken.append((operation.id, word, answer.status_code, answer.text[:300]))
    assert not taken, "\n".join(map(str, taken))


def _with(body: Any, at: Pointer, word: str) -> Any:
    return put(body, (*at, word), "--no-sandbox")


def _sent(http: httpx.Client, operation: Operation, body: Any) -> httpx.Response:
    path = re.sub(r"\{area\}", "local", operation.path)
    path = re.sub(r"\{\w+\}", "ses_aaaaaaaaaaaaaaaaaaaaaa", path)
    return http.request(operation.method, path, json=body)
