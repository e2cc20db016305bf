"""`execute`: a caller's JavaScript in the page's own world, and its value as JSON.

The value is turned into text in the page and its length checked there: what the page can make as
large as it likes must not cross to the driver, which all sessions share.
"""

import json
import time
from typing import Any

import anyio
from playwright.async_api import CDPSession, Error

from agent_browser.models.functions import ExecuteOutput

MAX_RESULT = 16_777_216
"""Characters of a result; a larger one is an error that says so."""

_LEFT = ("Cannot find context", "Execution context was destroyed", "Inspected target navigated")

_THROWN_BOUND = 1.0
_HELD = """function () {
  if (typeof this.message === 'string') return `${this.name ?? 'error'}: ${this.message}`;
  const text = JSON.stringify(this);
  return text === undefined ? undefined : text.slice(0, 10000);
}"""

_ARGUMENT = ("value", "unserializableValue", "objectId")
_TEXT = """async value => {
  value = await value;
  if (typeof value === 'function') value = await value();
  const bounded = (kind, text) => text.length > LIMIT
    ? { kind: 'error', text: "the value's JSON is over LIMIT characters" } : { kind, text };
  switch (typeof value) {
    case 'undefined': case 'function': return { kind: 'none', text: '' };
    case 'symbol': return { kind: 'error', text: "the value is a symbol, which JSON can't hold" };
    case 'bigint': return bounded('odd', `${value}n`);
    case 'string': return bounded('text', value);
    case 'number': return Number.isFinite(value)
      ? { kind: 'json', text: `${value}` } : { kind: 'odd', text: `${value}` };
    case 'boolean': return { kind: 'json', text: `${value}` };
  }
  if (value === null) return { kind: 'none', text: '' };
  if (value instanceof Node) return bounded('text', String(value.outerHTML ?? value.textContent));
  if (value instanceof Error) return bounded('text', String(value));
  if (value instanceof Map) value = Object.fromEntries(value);
  if (value instanceof Set) value = [...value];
  const text = JSON.stringify(value);
  return text === undefined ? { kind: 'none', text: '' } : bounded('json', text);
}""".replace("LIMIT", str(MAX_RESULT))


async def run(session: CDPSession, code: str, seconds: float) -> ExecuteOutput:
    """The value of an expression, of the last statement, or of a function's call; promises awaited.

    An error of the page's own is in `error`. A script that never yields is ended after `seconds`.
    """
    try:
        answer = await _answer(session, code, seconds)
    except Error as exc:
        if any(words in str(exc) for words in _LEFT):
            return ExecuteOutput(error="the page was left before the code was done")
        raise
    if "exceptionDetails" in answer:
        return ExecuteOutput(error=await _thrown(session, answer["exceptionDetails"]))
    return _output(answer["result"].get("value"))


async def _answer(session: CDPSession, code: str, seconds: float) -> dict[str, Any]:
    """What came of the first reading of the code that parses; none is run that does not."""
    answer = await _evaluate(session, f"({_TEXT})((() => (\n{code}\n))())", seconds)
    if not _does_not_parse(answer):
        return answer
    never_run = await _evaluate(session, f"if (0) {{\n{code}\n}}\n0", seconds)
    if not _does_not_parse(never_run):
        return await _evaluate(session, f"({_TEXT})((0, eval)({json.dumps(code)}))", seconds)
    if "return" in code:
        body = f"({_TEXT})((async () => {{\n{code}\n}})())"
        returning = await _evaluate(session, body, seconds)
        if not _does_not_parse(returning):
            return returning
    return await _awaiting(session, code, seconds)


async def _awaiting(session: CDPSession, code: str, seconds: float) -> dict[str, Any]:
    """Statements with `await` among them, as a console reads them."""
    answer = await _evaluate(session, code, seconds, repl=True)
    if "exceptionDetails" in answer:
        return answer
    remote = answer["result"]
    arguments: dict[str, Any] = {
        "functionDeclaration": f"function (value) {{ return ({_TEXT})(value); }}",
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
        return _said(details)
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
        return _said(details)
    text = answer["result"].get("value")
    return f"Uncaught {text}"[:10_000] if isinstance(text, str) else _said(details)


def _said(details: dict[str, Any]) -> str:
    thrown = details.get("exception", {})
    if "description" in thrown:
        text = str(thrown["description"])
        return text.split("\n    at ")[0][:10_000]
    if "value" in thrown:
        return f"Uncaught {thrown['value']}"[:10_000]
    return str(details.get("text", ""))


def _output(said: Any) -> ExecuteOutput:
    """The page may have tampered with what makes the text; then it is an error, not a fault."""
    if not isinstance(said, dict) or not isinstance(said.get("text"), str):
        return ExecuteOutput(error="the page has changed what makes JSON of values")
    kind, text = said.get("kind"), said["text"]
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
                return ExecuteOutput(error="the page has changed what makes JSON of values")
            return ExecuteOutput(result=value if isinstance(value, str) else text, value=value)
        case _:
            return ExecuteOutput(error=text)
