"""Requests as values: method, path, query, body, and how to read the answer. Sends nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Generic, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from agent_browser.client.readiness import Readiness, ready
from agent_browser.errors import InvalidRequest
from agent_browser.models.artifacts import Recording, RecordingList
from agent_browser.models.base import Input, parse_duration
from agent_browser.models.catalogue import OUTPUTS
from agent_browser.models.functions import (
    CloseOutput,
    ExecuteInput,
    ExecuteOutput,
    FunctionOutput,
    InteractInput,
    InteractOutput,
    OpenInput,
    OpenOutput,
    ScreenshotInput,
    ScreenshotOutput,
    SnapshotInput,
    SnapshotOutput,
)
from agent_browser.models.sessions import Health, Session, SessionCreate

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)

PATIENCE = 120.0
"""Seconds that an answer may take beside the call's own timeouts: waiting for room and in line."""

CHECK_PATIENCE = 30.0
"""Seconds that the answer to "are you well?" may take."""


@dataclass(frozen=True)
class Request(Generic[T]):
    """One request. `parse` makes the typed answer of the answer's JSON (None where it has none)."""

    method: str
    path: str
    parse: Callable[[Any], T]
    query: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    patience: float = PATIENCE
    """Seconds to wait for the answer."""
    files: Sequence[tuple[str, tuple[str, BinaryIO]]] | None = None
    """Parts of a form: the field, and the file's name and bytes."""


def raw(request: Request[Any]) -> Request[dict[str, Any]]:
    """The same request with its JSON object as the answer, fields that no model knows included."""
    return replace(request, parse=_as_object)


def call(
    function: str,
    input: Mapping[str, Any] | Input | None = None,
    *,
    session: str | None = None,
    session_timeout: float | str | None = None,
    idempotency_key: str | None = None,
) -> Request[FunctionOutput]:
    """Any function by its name; a mapping goes as it is, for the server to judge."""
    return _call(
        function,
        _dump(input) if isinstance(input, Input) else dict(input or {}),
        OUTPUTS.get(function, FunctionOutput),
        session,
        session_timeout,
        idempotency_key,
    )


def open(
    url: str,
    session: str | None,
    session_timeout: float | str | None,
    options: Mapping[str, Any],
) -> Request[OpenOutput]:
    """`open`, with `OpenInput`'s fields as options. InvalidRequest for what it doesn't have."""
    body = _input(OpenInput, {**options, "url": url})
    return _call("open", body, OpenOutput, session, session_timeout)


def snapshot(session: str, options: Mapping[str, Any]) -> Request[SnapshotOutput]:
    """`snapshot`, with `SnapshotInput`'s fields as options."""
    return _call("snapshot", _input(SnapshotInput, options), SnapshotOutput, session)


def interact(session: str, action: str, options: Mapping[str, Any]) -> Request[InteractOutput]:
    """`interact`, with `InteractInput`'s fields as options."""
    body = _input(InteractInput, {**options, "action": action})
    return _call("interact", body, InteractOutput, session)


def screenshot(session: str, options: Mapping[str, Any]) -> Request[ScreenshotOutput]:
    """`screenshot`, with `ScreenshotInput`'s fields as options."""
    return _call("screenshot", _input(ScreenshotInput, options), ScreenshotOutput, session)


def execute(session: str, code: str, options: Mapping[str, Any]) -> Request[ExecuteOutput]:
    """`execute`, with `ExecuteInput`'s fields as options."""
    return _call("execute", _input(ExecuteInput, {**options, "code": code}), ExecuteOutput, session)


def close(session: str) -> Request[CloseOutput]:
    """`close`."""
    return _call("close", {}, CloseOutput, session)


def create_session(options: Mapping[str, Any]) -> Request[Session]:
    """A new session with a blank page; `SessionCreate`'s fields as options."""
    body = _input(SessionCreate, options)
    return Request("POST", "/v1/sessions", Session.model_validate, body=body)


def get_session(session: str) -> Request[Session]:
    """One session."""
    return Request("GET", f"/v1/sessions/{segment(session)}", Session.model_validate)


def end_session(session: str, *, purge: bool = False) -> Request[None]:
    """End it; with `purge` erase its record and files at once."""
    query = _query(purge="true" if purge else None)
    return Request("DELETE", f"/v1/sessions/{segment(session)}", _nothing, query=query)


def health() -> Request[Health]:
    """Counts by state, capacity, pressure."""
    return Request("GET", "/v1/sessions/health", Health.model_validate)


def alive() -> Request[bool]:
    """Whether the server's process answers; another program's answer is an UnexpectedAnswer."""
    return Request("GET", "/healthz", _is_ours, patience=CHECK_PATIENCE)


def readiness() -> Request[Readiness]:
    """Whether a browser answers."""
    return Request("GET", "/readyz", ready, patience=CHECK_PATIENCE)


def list_recordings(limit: int | None, cursor: str | None) -> Request[RecordingList]:
    """Videos, newest first."""
    query = _query(limit=limit, cursor=cursor)
    return Request("GET", "/v1/recordings", RecordingList.model_validate, query=query)


def get_recording(recording: str) -> Request[Recording]:
    """What is known of one video."""
    return Request("GET", f"/v1/recordings/{segment(recording)}", Recording.model_validate)


def delete_recording(recording: str) -> Request[None]:
    """Erase a video."""
    return Request("DELETE", f"/v1/recordings/{segment(recording)}", _nothing)


def _call(
    function: str,
    input: dict[str, Any],
    output: type[Model],
    session: str | None,
    session_timeout: float | str | None = None,
    idempotency_key: str | None = None,
) -> Request[Model]:
    body: dict[str, Any] = {"session": session, "input": input}
    if session_timeout is not None:
        body["session_timeout"] = session_timeout
    return Request(
        "POST",
        f"/v1/functions/{segment(function)}",
        output.model_validate,
        body=body,
        headers={"Idempotency-Key": idempotency_key} if idempotency_key else {},
        patience=PATIENCE + _own_seconds(input),
    )


def _own_seconds(input: Mapping[str, Any]) -> float:
    """How long the call itself was allowed to take, as far as its input says so."""
    seconds = 0.0
    try:
        seconds += parse_duration(input.get("timeout") or 0)
        seconds += parse_duration(input.get("wait_ms") or 0) / 1000
        seconds += parse_duration(input.get("delay") or 0) / 1000 * len(input.get("text") or "")
    except ValueError:
        return seconds  # the server will say what is wrong with it
    return seconds


def body_of(model: type[Input], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, but for those that are None, as a body of that form. InvalidRequest."""
    return _input(model, values)


def _input(model: type[Input], values: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return _dump(model.model_validate({k: v for k, v in values.items() if v is not None}))
    except ValidationError as exc:
        errors = [
            {"field": ".".join(str(part) for part in error["loc"]), "message": _words(error)}
            for error in exc.errors(include_url=False, include_input=False)
        ]
        detail = "; ".join(f"{e['field']}: {e['message']}".removeprefix(": ") for e in errors)
        raise InvalidRequest(detail, errors) from exc


def _words(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such field"
    return str(error["msg"]).removeprefix("Value error, ")


def _dump(input: Input) -> dict[str, Any]:
    return input.model_dump(mode="json", exclude_unset=True)


def _query(**values: object) -> dict[str, str | Sequence[str]]:
    return {name: str(value) for name, value in values.items() if value is not None}


def segment(text: str) -> str:
    """Text as one segment of a path; a dot segment would climb out of its folder."""
    if text in ("", ".", ".."):
        raise InvalidRequest(f"{text!r} can't stand in a path")
    return quote(text, safe="")


def _as_object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    return data


def _is_ours(data: Any) -> bool:
    if not isinstance(data, dict) or data.get("service") != "agent-browser":
        raise ValueError("another program's answer")
    return True


def _nothing(_data: Any) -> None:
    return None
