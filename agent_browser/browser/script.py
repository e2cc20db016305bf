"""A caller's JavaScript in the page's own world: `execute`, and the `function` that wait waits for.

What came of it is turned into text in the page and its length checked there, of what was thrown
too: what the page can make as large as it likes must not cross to the driver, which all sessions
share and which a few hundred megabytes end.
"""

import json
import time
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import anyio
from playwright.async_api import CDPSession, Error

from agent_browser.models.functions import ExecuteOutput

MAX_RESULT = 16_777_216
"""Characters of a result; a larger one is an error that says so."""

_LEFT = ("Cannot find context", "Execution context was destroyed", "Inspected target navigated")
_TAMPERED = "the page has changed what makes JSON of values"

_ARGUMENT = ("value", "unserializableValue", "objectId")
_AS_IT_IS = "work => work()"
_THROWN_BOUND = 1.0
_HELD = """function () {
  if (typeof this.message === 'string') return `${this.name ?? 'error'}: ${this.message}`;
  const text = JSON.stringify(this);
  return text === undefined ? undefined : text.slice(0, 10000);
}"""

_OURS = (
    files("agent_browser.browser")
    .joinpath("script.js")
    .read_text(encoding="utf-8")
    .replace("LIMIT", str(MAX_RESULT))
    .strip()
)
_TEXT, _TRUTH, _LAST = (f"({_OURS}).{name}" for name in ("text", "truth", "last"))


@dataclass(frozen=True)
class Seen:
    """What an expression came to: whether that is truthy, and how it begins."""

    is_met: bool
    shown: str
    error: str | None = None


async def run(session: CDPSession, code: str, seconds: float) -> ExecuteOutput:
    """The value of an expression, of the last statement, or of a function's call; promises awaited.

    An error of the page's own is in `error`. A script that never yields is ended after `seconds`.
    """
    try:
        answer = await _answer(session, code, seconds, _TEXT)
    except Error as exc:
        if any(words in str(exc) for words in _LEFT):
            return ExecuteOutput(error="the page was left before the code was done")
        raise
    if "exceptionDetails" in answer:
        return ExecuteOutput(error=await _thrown(session, answer["exceptionDetails"]))
    return _output(*_said(answer))


async def look(session: CDPSession, code: str, seconds: float) -> Seen | None:
    """Whether the same comes to something truthy; None where the page was left meanwhile."""
    try:
        answer = await _answer(session, code, seconds, _TRUTH)
    except Error as exc:
        if any(words in str(exc) for words in _LEFT):
            return None
        raise
    if "exceptionDetails" in answer:
        return Seen(False, "", await _thrown(session, answer["exceptionDetails"]))
    kind, text = _said(answer)
    return Seen(kind == "met", text, text if kind == "error" else None)


async def _answer(session: CDPSession, code: str, seconds: float, ask: str) -> dict[str, Any]:
    """What came of the first reading of the code that parses; none is run that does not. `ask` is
    the function of ours that runs the code and turns what comes of it into text.
    """
    answer = await _evaluate(session, f"({ask})(async () => (\n{code}\n))", seconds)
    if not _does_not_parse(answer):
        return answer
    # `await (x)` is a call where nothing can be awaited: code with that word is read as what can.
    awaits = "await" in code
    never_run = await _evaluate(session, f"if (0) {{\n{code}\n}}\n0", seconds, repl=awaits)
    if not _does_not_parse(never_run) and not awaits:
        call = f"({ask})(async () => (0, eval)({json.dumps(code)}))"
        return await _evaluate(session, call, seconds)
    if _does_not_parse(never_run) and "return" in code:
        returning = await _evaluate(session, f"({ask})(async () => {{\n{code}\n}})", seconds)
        if not _does_not_parse(returning):
            return returning
    return await _awaiting(session, code, seconds, ask)


async def _awaiting(session: CDPSession, code: str, seconds: float, ask: str) -> dict[str, Any]:
    """Statements with `await` among them, as a console reads them: what they declare stays.

    What a console says of its last value can't be bounded. So where the last statement is an
    expression, the code itself makes text of its value; of another (an `if`, a loop) we do, after.
    """
    found = await _evaluate(session, f"({_LAST})({json.dumps(code)})", seconds)
    span = found.get("result", {}).get("value")
    if not isinstance(span, list):
        answer = await _evaluate(session, code, seconds, repl=True)
        return answer if "exceptionDetails" in answer else await _told(session, answer, ask)
    start, end = span
    telling = f"{code[:start]}\n;await ({ask})(async () => (\n{code[start:end]}\n))"
    answer = await _evaluate(session, telling, seconds, repl=True)
    return answer if "exceptionDetails" in answer else await _told(session, answer, _AS_IT_IS)


async def _told(session: CDPSession, answer: dict[str, Any], ask: str) -> dict[str, Any]:
    """The same for a value that a console came to."""
    remote = answer["result"]
    arguments: dict[str, Any] = {
        "functionDeclaration": f"function (value) {{ return ({ask})(() => value); }}",
        "arguments": [{key: remote[key] for key in _ARGUMENT if key in remote}],
        "returnByValue": True,
        "awaitPromise": True,
    }
    here = await session.send("Runtime.evaluate", {"expression": "globalThis"})
    return await session.send(
        "Runtime.callFunctionOn", arguments | {"objectId": here["result"]["objectId"]}
    )


async def _evaluate(
    session: CDPSession, expression: str, seconds: float, *, repl: bool = False
) -> dict[str, Any]:
    """As an expression whose value is made text in the page; or as a console would."""
    arguments = {
        "expression": expression,
        "awaitPromise": True,
        "returnByValue": not repl,
        "replMode": repl,
        "userGesture": True,
        "allowUnsafeEvalBlockedByCSP": True,
        "timeout": seconds * 1000,
    }
    started = time.monotonic()
    try:
        answer: dict[str, Any] = await session.send("Runtime.evaluate", arguments)
    except Error as exc:
        if time.monotonic() - started >= seconds * 0.9:
            raise TimeoutError from exc
        raise
    return answer


def _does_not_parse(answer: dict[str, Any]) -> bool:
    """Whether the code was not run at all; a SyntaxError that running code throws has a stack."""
    details = answer.get("exceptionDetails")
    if details is None or "stackTrace" in details:
        return False
    return bool(details.get("exception", {}).get("className") == "SyntaxError")


async def _thrown(session: CDPSession, details: dict[str, Any]) -> str:
    """What was thrown: an error's own words, and of anything else what it holds, as JSON."""
    thrown = details.get("exception", {})
    if "objectId" not in thrown or thrown.get("subtype") in ("error", "node", "proxy"):
        return _words(details)
    try:
        with anyio.fail_after(_THROWN_BOUND):
            answer = await session.send(
                "Runtime.callFunctionOn",
                {
                    "objectId": thrown["objectId"],
                    "functionDeclaration": _HELD,
                    "returnByValue": True,
                },
            )
    except (Error, TimeoutError):
        return _words(details)
    text = answer["result"].get("value")
    return f"Uncaught {text}"[:10_000] if isinstance(text, str) else _words(details)


def _words(details: dict[str, Any]) -> str:
    thrown = details.get("exception", {})
    if "description" in thrown:
        text = str(thrown["description"])
        return text.split("\n    at ")[0][:10_000]
    if "value" in thrown:
        return f"Uncaught {thrown['value']}"[:10_000]
    return str(details.get("text", ""))


def _said(answer: dict[str, Any]) -> tuple[str, str]:
    """The kind and the text of what came of the code. The page may have tampered with what makes
    them; then it is an error, not a fault.
    """
    said = answer["result"].get("value")
    if not isinstance(said, dict) or not isinstance(said.get("text"), str):
        return "error", _TAMPERED
    return str(said.get("kind")), said["text"]


def _output(kind: str, text: str) -> ExecuteOutput:
    match kind:
        case "none":
            return ExecuteOutput()
        case "text":
            return ExecuteOutput(result=text, value=text)
        case "odd":
            return ExecuteOutput(result=text)
        case "json":
            try:
                value = json.loads(text)
            except ValueError:
                return ExecuteOutput(error=_TAMPERED)
            return ExecuteOutput(result=value if isinstance(value, str) else text, value=value)
        case _:
            return ExecuteOutput(error=text)
