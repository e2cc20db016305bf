"""What a session's log says of a call: secrets masked, long values cut. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from agent_browser.browser import masks
from agent_browser.errors import ActionFailed, AgentBrowserError
from agent_browser.models.actions import Action, ActionOutcome
from agent_browser.models.base import Input
from agent_browser.models.cookies import CookiesInput
from agent_browser.models.functions import FunctionOutput, InteractInput, InteractOutput
from agent_browser.models.secrets import SecretRef
from agent_browser.models.storage import StorageInput

MAX_TEXT = 500
"""Characters of a text, an address, a message."""
MAX_CODE = 2_000
MAX_ITEMS = 20
"""Members of a list or an object."""
MAX_DEPTH = 4
_CUT = "…"

_WHOLE = frozenset({"storage_state", "http_credentials", "credentials", "cookies", "passkeys"})
"""Fields of which nothing but that they were there is told."""
_HEADERS = frozenset({"extra_headers", "headers", "set_headers", "headers_by_origin"})
_BYTES = frozenset({"data", "base64", "content", "body", "body_base64"})
"""Fields of which the length alone is told."""
_SECRETS: dict[type[Input], str] = {StorageInput: "value", CookiesInput: "text"}
"""Fields that hold what a site keeps of its visitor."""
_TYPED = frozenset({"fill", "type", "insert_text", "press", "key_down", "key_up", "dialog"})
"""Actions whose text goes into a field, or a prompt, which may be one for secrets."""


@dataclass(frozen=True)
class Called:
    """A call and what came of it."""

    session_id: str
    at: datetime
    function: str
    input: Input
    milliseconds: float
    url_before: str
    url: str
    client: str | None = None
    output: FunctionOutput | None = None
    error: BaseException | None = None
    is_refused: bool = False
    """It was not begun: the request was wrong, or there was no room."""
    is_plain: bool = False
    """Its text went into a field that is known to be none for secrets."""


def entry(call: Called, *, bodies: bool) -> Action:
    """The log's entry; without `bodies`, what was sent and said is left out."""
    outcome, code, message = _came_of(call)
    input = call.input
    return Action(
        id=0,
        session_id=call.session_id,
        at=call.at,
        function=call.function,
        action=input.action if isinstance(input, InteractInput) else None,
        input=shown(input, is_plain=call.is_plain) if bodies else None,
        outcome=outcome,
        code=code,
        message=_text(message) if bodies and message else None,
        milliseconds=round(call.milliseconds, 2),
        url_before=_address(call.url_before),
        url=_address(call.url),
        client=call.client,
    )


def shown(input: Input, *, is_plain: bool = False) -> dict[str, Any]:
    """An input as the log shows it: the fields that were given, secrets masked, texts cut. What is
    typed is masked unless it is known to have gone into a plain field.
    """
    given = {name: getattr(input, name) for name in input.model_fields_set}
    if isinstance(input, InteractInput) and isinstance(input.text, SecretRef):
        del given["text"]
        return {**_told(given), "text": {"secret": input.text.secret}}
    if isinstance(input, InteractInput) and input.action in _TYPED and not is_plain:
        given["text"] = _typed(input)
    for kind, field in _SECRETS.items():
        if isinstance(input, kind) and field in given:
            given[field] = masks.MASK
    return _told(given)


def _told(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _plain(name, value, MAX_DEPTH)
        for name, value in given.items()
        if name != "action" and value is not None
    }


def _typed(input: InteractInput) -> str | list[str] | None:
    """Names of keys are no secret; a single character may be part of one."""
    if isinstance(input.text, SecretRef):
        return masks.MASK
    texts = input.text if isinstance(input.text, list) else [input.text]
    keys = input.action in ("press", "key_down", "key_up")
    masked = [text if text and keys and len(text) > 1 else masks.MASK for text in texts]
    return masked if isinstance(input.text, list) else (masked[0] if input.text else None)


def _came_of(call: Called) -> tuple[ActionOutcome, str | None, str | None]:
    error = call.error
    if error is None:
        output = call.output
        if isinstance(output, InteractOutput) and not output.success:
            return "failed", output.code, output.message
        return "ok", None, None
    outcome: ActionOutcome = "refused" if call.is_refused else "error"
    if isinstance(error, ActionFailed):
        return outcome, error.failure, error.detail
    if isinstance(error, AgentBrowserError):
        return outcome, error.code, error.detail
    return outcome, "cancelled", "the caller went away"


def _plain(name: str, value: Any, depth: int) -> Any:
    if isinstance(value, bool | int | float) and not masks.is_secret(name):
        return value
    if name in _WHOLE or masks.is_secret(name):
        return masks.MASK
    if isinstance(value, str):
        return _string(name, value)
    if depth == 0:
        return _CUT
    if isinstance(value, Input):
        value = {field: getattr(value, field) for field in value.model_fields_set}
    if isinstance(value, Mapping):
        return _members(name, value, depth - 1)
    if isinstance(value, list | tuple | set | frozenset):
        items = [_plain(name, item, depth - 1) for item in list(value)[:MAX_ITEMS]]
        return items if len(value) <= MAX_ITEMS else [*items, f"{_CUT} of {len(value)}"]
    return _text(str(value))


def _members(name: str, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for key, item in list(value.items())[:MAX_ITEMS]:
        if name in _HEADERS and isinstance(item, str):
            told[str(key)[:MAX_TEXT]] = masks.header(str(key), item[:MAX_TEXT])
        else:
            inner = name if name in _HEADERS else str(key)
            told[str(key)[:MAX_TEXT]] = _plain(inner, item, depth)
    if len(value) > MAX_ITEMS:
        told[_CUT] = f"of {len(value)}"
    return told


def _string(name: str, value: str) -> str:
    if name in _BYTES:
        return f"{len(value)} characters"
    if name == "url" or name.endswith("_url"):
        return _address(value)
    return _text(value, MAX_CODE if name == "code" else MAX_TEXT)


@lru_cache(256)
def _address(value: str) -> str:
    if value.startswith("data:"):
        return value[:40] + (_CUT if len(value) > 40 else "")
    # Cut first: what is left of a cut secret is masked all the same.
    return masks.url(value[: 4 * MAX_TEXT]) + (_CUT if len(value) > 4 * MAX_TEXT else "")


def _text(value: str, most: int = MAX_TEXT) -> str:
    return masks.text(value[:most]) + (_CUT if len(value) > most else "")
