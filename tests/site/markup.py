"""How a page made by code looks: the same frame as the pages kept as files."""

from html import escape

from starlette.responses import HTMLResponse

_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/site.css">
<script src="/assets/site.js"></script>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def page(
    title: str, body: str, *, status: int = 200, headers: dict[str, str] | None = None
) -> HTMLResponse:
    """An answer with that title (plain text) and body (HTML)."""
    text = _FRAME.format(title=escape(title), body=body)
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store", **(headers or {})})


def table(pairs: list[tuple[str, str]]) -> str:
    """Rows of name and value, escaped, in the order given."""
    rows = "".join(f"<tr><th>{escape(n)}</th><td>{escape(v)}</td></tr>\n" for n, v in pairs)
    return f'<table id="sent">\n{rows}</table>'


def pre(text: str, *, id: str) -> str:
    """A block of plain text that tests read whole."""
    return f'<pre id="{id}">{escape(text)}</pre>'
