"""The reference at /docs: the OpenAPI description and the error table as pages to read. Plain HTML
made here, without a script and without anything from elsewhere, so that it works offline.
"""

import inspect
import json
from html import escape
from typing import Any

from agent_browser.api import problems
from agent_browser.errors import AgentBrowserError

_TOP = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/docs/reference.css">
</head>
<body>
<nav><a href="/docs">Operations</a> <a href="/docs/errors">Errors</a>
<a href="/openapi.json">openapi.json</a></nav>
<h1>{title}</h1>
"""
_END = "</body>\n</html>\n"


def operations_page(schema: dict[str, Any]) -> str:
    """Every operation: what it does, takes and answers, with examples."""
    parts = [_TOP.format(title="agent-browser: operations"), _text(schema["info"]["description"])]
    for tag in schema.get("tags", []):
        parts.append(f"<h2>{escape(tag['name'])}</h2>{_text(tag['description'])}")
        for path, methods in schema["paths"].items():
            parts += [
                _operation(method, path, operation)
                for method, operation in methods.items()
                if tag["name"] in operation.get("tags", [])
            ]
    parts.append("<h2>schemas</h2>")
    parts += [
        f'<details id="{escape(name)}"><summary>{escape(name)}</summary>{_json(model)}</details>'
        for name, model in sorted(schema["components"]["schemas"].items())
    ]
    return "\n".join([*parts, _END])


def errors_page() -> str:
    """Every code: its status, what it means, whether a retry helps, what to do."""
    rows = [
        f'<tr id="{escape(kind.code)}"><td>{status}</td><td><code>{escape(kind.code)}</code></td>'
        f"<td>{escape(inspect.cleandoc(kind.__doc__ or ''))}</td>"
        f"<td>{'yes' if kind.retryable else 'no'}</td><td>{escape(kind.recovery)}</td></tr>"
        for kind, status in _codes()
    ]
    head = "<tr><th>Status</th><th>Code</th><th>Meaning</th><th>Retry</th><th>Recovery</th></tr>"
    title = _TOP.format(title="agent-browser: errors")
    return "\n".join([title, f"<table>{head}", *rows, "</table>", _END])


def _codes() -> list[tuple[type[AgentBrowserError], int]]:
    """One class a code, the general one where several share it."""
    first: dict[str, tuple[type[AgentBrowserError], int]] = {}
    for kind, status in problems.STATUS.items():
        if kind is not AgentBrowserError:
            first.setdefault(kind.code, (kind, status))
    return sorted(first.values(), key=lambda pair: (pair[1], pair[0].code))


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [
        (
            f'<details id="{escape(operation["operationId"])}"><summary>'
            f"<b>{escape(method.upper())}</b> <code>{escape(path)}</code> "
            f"{escape(operation['summary'])}</summary>"
        ),
        _text(operation.get("description", "")),
    ]
    for parameter in operation.get("parameters", []):
        said = parameter.get("description", "")
        parts.append(
            f"<p><code>{escape(parameter['name'])}</code> in {escape(parameter['in'])}: "
            f"{escape(said)}</p>"
        )
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        parts.append(f"<h4>Body {_schema_link(body['schema'])}</h4>")
        parts += [_json(example["value"]) for example in body.get("examples", {}).values()]
    for status, response in operation["responses"].items():
        parts.append(f"<h4>{escape(status)}</h4>{_text(response['description'])}")
        for kind, content in response.get("content", {}).items():
            link = _schema_link(content.get("schema", {}))
            parts.append(f"<p><code>{escape(kind)}</code> {link}</p>")
            if "example" in content:
                parts.append(_json(content["example"]))
    return "\n".join([*parts, "</details>"])


def _schema_link(schema: dict[str, Any]) -> str:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return f'<a href="#{escape(name)}">{escape(name)}</a>' if name else ""


def _text(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _json(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2))}</pre>"
