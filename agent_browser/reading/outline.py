"""A tree as lines, one an element, indented: for comparing what two documents are made of."""

from lxml.html import HtmlElement

from agent_browser.reading.until import Until

MOST_LINES = 20_000
_TEXT = 160
_PASSED = frozenset({"html", "tbody", "br", "wbr"})
_TOLD = ("href", "src", "alt", "type", "name", "role", "title", "value")


def outline_of(root: HtmlElement, until: Until) -> list[str]:
    """Each element with its own text and the attributes that tell it from others. TooSlow."""
    lines: list[str] = []
    ahead: list[tuple[HtmlElement, int]] = [(root, 0)]
    while ahead and len(lines) < MOST_LINES:
        element, depth = ahead.pop()
        if len(lines) % 256 == 0:
            until.check()
        inner = depth
        text = _own_text(element)
        if element.tag not in _PASSED:
            lines.append("  " * min(depth, 60) + _line(element, text))
            inner = depth + 1
        ahead.extend((child, inner) for child in reversed(element) if isinstance(child.tag, str))
    return lines


def _line(element: HtmlElement, text: str) -> str:
    told = [f'{name}="{value[:200]}"' for name in _TOLD if (value := element.get(name))]
    flags = [name for name in ("checked", "selected") if element.get(name) is not None]
    quoted = [f'"{text}"'] if text else []
    return " ".join([str(element.tag), *quoted, *told, *flags])


def _own_text(element: HtmlElement) -> str:
    """The text in it that is not in an element within it."""
    parts = [element.text or "", *(child.tail or "" for child in element)]
    return " ".join(" ".join(parts).split())[:_TEXT]
