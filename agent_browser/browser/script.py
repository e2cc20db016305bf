"""`execute`: a caller's JavaScript in the page's own world, and its value as JSON."""

import json
import re
import time
from typing import Any

from playwright.async_api import CDPSession, Error

from agent_browser.models.functions import ExecuteOutput

MAX_RESULT = 16_777_216
"""Characters of a result; a larger one is an error that says so."""

_FUNCTION = re.compile(
    r"^\s*(?:async\s+function\b|function\b|async\s*\(|async\s+[\w$]+\s*=>|[\w$]+\s*=>|\([^()]*(?:\([^()]*\)[^()]*)*\)\s*=>)"
)
_LEFT = ("Cannot find context", "Execution context was destroyed", "Inspected target navigated")
_OBJECT = re.compile(r"^\s*\{[\s\S]*\}\s*$")
_JSON_OF = """function () {
  if (this instanceof Node) return JSON.stringify(String(this.outerHTML ?? this.textContent));
  if (this instanceof Error) return JSON.stringify(String(this));
  if (this instanceof Map) return JSON.stringify(Object.fromEntries(this));
  if (this instanceof Set) return JSON.stringify([...this]);
  const text = JSON.stringify(this);
  return text === undefined ? 'null' : text;
}"""


async def run(session: CDPSession, code: str, seconds: float) -> ExecuteOutput:
    """The value of an expression, of the last statement, or of a function's call; promises awaited.

    An error of the page's own is in `error`. A script that never yields is ended after `seconds`.
    """
    try:
        return await _run(session, code, seconds)
    except Error as exc:
        if any(words in str(exc) for words in _LEFT):
            return ExecuteOutput(error="the page was left before the code was done")
        raise


async def _run(session: CDPSession, code: str, seconds: float) -> ExecuteOutput:
    answer = await _first_that_parses(session, _readings(code), seconds)
    if "exceptionDetails" in answer:
        return ExecuteOutput(error=_said(answer["exceptionDetails"]))
    remote = answer["result"]
    if remote["type"] == "function":
        answer = await _evaluate(session, f"({code.strip().rstrip(';')})()", seconds)
        said = _said(answer.get("exceptionDetails", {}))
        if said.startswith("SyntaxError"):
            return ExecuteOutput()
        if said:
            return ExecuteOutput(error=said)
        remote = answer["result"]
    return await _valued(session, remote)


def _readings(code: str) -> list[str]:
    """What the code may mean, the likeliest first; the next counts where one does not parse."""
    if _FUNCTION.match(code):
        return [f"({code.strip().rstrip(';')})()", code]
    if _OBJECT.match(code):
        return [f"({code.strip()})", code]
    if re.match(r"^\s*return\b", code) or re.search(r"(?:^|[;\n}])\s*return\b", code):
        return [code, f"(async () => {{ {code}\n }})()"]
    return [code]


async def _first_that_parses(
    session: CDPSession, readings: list[str], seconds: float
) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    for reading in readings:
        answer = await _evaluate(session, reading, seconds)
        if not _said(answer.get("exceptionDetails", {})).startswith("SyntaxError"):
            break
    return answer


async def _evaluate(session: CDPSession, expression: str, seconds: float) -> dict[str, Any]:
    arguments = {
        "expression": expression,
        "awaitPromise": True,
        "replMode": True,
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


def _said(details: dict[str, Any]) -> str:
    thrown = details.get("exception", {})
    if "description" in thrown:
        text = str(thrown["description"])
        return text.split("\n    at ")[0]
    if "value" in thrown:
        return f"Uncaught {thrown['value']}"
    return str(details.get("text", ""))


async def _awaited(session: CDPSession, remote: dict[str, Any]) -> dict[str, Any]:
    """What a promise came to; a promise that a function gave the browser does not await."""
    answer: dict[str, Any] = await session.send(
        "Runtime.awaitPromise", {"promiseObjectId": remote["objectId"]}
    )
    return answer


async def _valued(session: CDPSession, remote: dict[str, Any]) -> ExecuteOutput:
    if remote.get("subtype") == "promise":
        answer = await _awaited(session, remote)
        if "exceptionDetails" in answer:
            return ExecuteOutput(error=_said(answer["exceptionDetails"]))
        remote = answer["result"]
    kind = remote["type"]
    if kind == "undefined" or remote.get("subtype") == "null":
        return ExecuteOutput()
    if "unserializableValue" in remote:
        text = str(remote["unserializableValue"])
        return ExecuteOutput(result=text)
    if kind == "symbol":
        return ExecuteOutput(error="the value is a symbol, which JSON can't hold")
    if "objectId" not in remote:
        value = remote.get("value")
        return ExecuteOutput(
            result=value if isinstance(value, str) else json.dumps(value), value=value
        )
    answer = await session.send(
        "Runtime.callFunctionOn",
        {
            "objectId": remote["objectId"],
            "functionDeclaration": _JSON_OF,
            "returnByValue": True,
        },
    )
    await session.send("Runtime.releaseObject", {"objectId": remote["objectId"]})
    if "exceptionDetails" in answer:
        return ExecuteOutput(error=_said(answer["exceptionDetails"]))
    text = str(answer["result"]["value"])
    if len(text) > MAX_RESULT:
        return ExecuteOutput(error=f"the value's JSON is over {MAX_RESULT} characters")
    value = json.loads(text)
    if isinstance(value, str):
        return ExecuteOutput(result=value, value=value)
    return ExecuteOutput(result=text if value is not None else None, value=value)
