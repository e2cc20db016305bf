"""Answers: the JSON of a success, or the error class that a problem's code stands for."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from agent_browser import errors
from agent_browser.client.address import Address
from agent_browser.client.errors import UnexpectedAnswer, UnknownProblem
from agent_browser.errors import AgentBrowserError

T = TypeVar("T")

_MEMBERS = frozenset({"type", "title", "status", "detail", "code", "retryable", "recovery"})
_ARTIFACT = frozenset({"id", "url", "content_type", "sha256"})
_LINK = frozenset({"url", "expires_at"})


@dataclass(frozen=True)
class Answer:
    """What came back. `content_type` is the header's value."""

    status: int
    content_type: str
    body: bytes


def read(answer: Answer, address: Address, parse: Callable[[Any], T]) -> T:
    """The typed answer, URLs of artifacts absolute. The server's error, or UnexpectedAnswer."""
    if not 200 <= answer.status < 300:
        raise error_of(answer, address)
    data = None
    if answer.status != 204:
        data = absolute(_json(answer, address), address)
    try:
        return parse(data)
    except ValueError as exc:  # pydantic's ValidationError is one
        raise UnexpectedAnswer(address.url, "JSON of another form than expected") from exc


def error_of(answer: Answer, address: Address) -> AgentBrowserError:
    """The error that a problem stands for, made again with its detail and its code's own fields
    (and `request_id`).
    """
    problem = _json(answer, address)
    if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
        return UnexpectedAnswer(address.url, f"status {answer.status} without a problem in it")
    code, title = problem["code"], problem.get("title")
    kind = _BY_TITLE.get((code, str(title))) or _BY_CODE.get(code) or UnknownProblem
    error = kind.__new__(kind)
    AgentBrowserError.__init__(error, str(problem.get("detail") or title or code))
    error.fields = {name: value for name, value in problem.items() if name not in _MEMBERS}
    if kind is UnknownProblem:
        error.fields |= {"code": code, "status": answer.status}
    return error


def absolute(data: Any, address: Address) -> Any:
    """The same JSON with the URLs of artifacts and links absolute. A page's own `value` is left as
    it is.
    """
    if isinstance(data, list):
        return [absolute(item, address) for item in data]
    if not isinstance(data, dict):
        return data
    out = {k: v if k == "value" else absolute(v, address) for k, v in data.items()}
    url = out.get("url")
    is_ours = data.keys() >= _ARTIFACT or data.keys() == _LINK
    if is_ours and isinstance(url, str) and url.startswith("/"):
        out["url"] = address.of(address.path_of(url))
    return out


def _json(answer: Answer, address: Address) -> Any:
    kind = answer.content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(answer.body)
        except ValueError as exc:
            raise UnexpectedAnswer(address.url, "JSON that can't be read") from exc
    raise UnexpectedAnswer(address.url, f"status {answer.status} with {kind or 'no content type'}")


def _kinds() -> list[type[AgentBrowserError]]:
    """Every class of the tree that a problem can stand for, bases before their subclasses."""
    found = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, AgentBrowserError)
        and kind not in (AgentBrowserError, errors.ActionFailed)
    ]
    return sorted(found, key=lambda kind: len(kind.__mro__))


_BY_CODE: dict[str, type[AgentBrowserError]] = {}
_BY_TITLE: dict[tuple[str, str], type[AgentBrowserError]] = {}
for _kind in _kinds():
    _BY_CODE.setdefault(_kind.code, _kind)
    _BY_TITLE.setdefault((_kind.code, _kind.title), _kind)
