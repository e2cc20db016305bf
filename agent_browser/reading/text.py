"""A tree as plain text, line by line as a page shows it."""

import re

from lxml import etree
from lxml.html import HtmlElement

from agent_browser.reading.until import Until

_APART = frozenset(
    """
    address article aside blockquote dd details dialog div dl dt fieldset figcaption figure footer
    form h1 h2 h3 h4 h5 h6 header hr html body iframe legend li main menu nav ol option optgroup p
    pre search section select summary table caption thead tbody tfoot tr ul textarea
    """.split()  # noqa: SIM905  (read as words)
)
_SPACED = frozenset(("br", "td", "th", "button", "input", "select"))
"""What stands apart from its neighbours on the same line, or breaks it."""
_BOXES = frozenset(("button", "select"))
_WITH_SPACE = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "pre", "dl"))
_FOLD = re.compile(r"[ \t\r\n\f]+")
_MANY = re.compile(r"\n{3,}")
_LINE, _SPACE, _CELL = "\x01", "\x02", "\x03"
"""Where a line ends, where an empty one is put, where a cell ends, until the text is whole."""
_ENDS = re.compile(r"[ \n]*[\x01\x02](?:[ \x01\x02]*[\x01\x02])?[ ]*")
_AROUND = re.compile(r" *\n *")


class _Lines:
    """Text as it is put together: white space folded as HTML does, but in `pre`."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._kept: list[str] = []

    def text(self, text: str, *, keep: bool) -> None:
        if keep:
            self._parts.append(f"\0{len(self._kept)}\0")
            self._kept.append(text)
        else:
            self._parts.append(_FOLD.sub(" ", _SIGNS.sub("", text)))

    def put(self, sign: str) -> None:
        self._parts.append(sign)

    def whole(self) -> str:
        joined = _FOLD_SPACES.sub(" ", "".join(self._parts))
        joined = _ENDS.sub(lambda match: "\n\n" if _SPACE in match[0] else "\n", joined)
        joined = _MANY.sub("\n\n", _AROUND.sub("\n", joined)).replace(_CELL, "\t")
        return _HELD.sub(lambda match: self._kept[int(match[1])], joined).strip("\n ")


_FOLD_SPACES = re.compile(r" {2,}")
_SIGNS = re.compile(r"[\x00-\x03]")
_HELD = re.compile("\0(\\d+)\0")


def text_of(root: HtmlElement, until: Until) -> str:
    """The text: blocks on lines of their own, an empty line around paragraphs, cells by tabs."""
    lines = _Lines()
    kept = 0
    ahead: list[tuple[HtmlElement, bool]] = [(root, False)]
    count = 0
    while ahead:
        element, is_done = ahead.pop()
        count += 1
        if count % 256 == 0:
            until.check()
        tag = element.tag
        if is_done:
            kept -= tag in ("pre", "textarea")
            _after(lines, element)
            if element.tail and element is not root:
                lines.text(element.tail, keep=kept > 0)
            continue
        ahead.append((element, True))
        if not isinstance(tag, str) or _is_left_out(element):
            continue
        _before(lines, element)
        kept += tag in ("pre", "textarea")
        if element.text:
            lines.text(element.text, keep=kept > 0)
        ahead.extend((child, False) for child in reversed(element))
    return lines.whole()


def _is_left_out(element: HtmlElement) -> bool:
    return element.tag in ("head", "script", "style") or (
        element.tag == "option" and element.get("selected") is None
    )


def _before(lines: _Lines, element: HtmlElement) -> None:
    tag = element.tag
    if tag == "br":
        lines.put("\n")
    elif tag in ("td", "th"):
        if element.getprevious() is not None:
            lines.put(_CELL)
    elif tag == "input" and element.get("value") and element.get("type") != "hidden":
        lines.text(f" {element.get('value')} ", keep=False)
    elif tag in _APART:
        lines.put(_edge(element))
    elif tag in _BOXES:
        lines.text(" ", keep=False)


def _edge(element: HtmlElement) -> str:
    parent = element.getparent()
    is_nested = element.tag in ("ul", "ol") and parent is not None and parent.tag == "li"
    return _SPACE if element.tag in _WITH_SPACE and not is_nested else _LINE


def _after(lines: _Lines, element: HtmlElement) -> None:
    if element.tag in _APART:
        lines.put(_edge(element))
    elif element.tag in _BOXES:
        lines.text(" ", keep=False)


def words_of(element: HtmlElement, limit: int = 2_000) -> str:
    """An element's text on one line: what stands apart on the page has a space between."""
    parts: list[str] = []
    size = 0
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, one in walk:
        gap = " " if one is not element and (one.tag in _APART or one.tag in _SPACED) else ""
        if event == "end":
            text = "" if one is element else one.tail
        elif _is_left_out(one):
            walk.skip_subtree()
            text = ""
        elif one.tag == "input":
            text = one.get("value") if one.get("type") != "hidden" else ""
        else:
            text = one.text
        parts.append(gap + (text or ""))
        size += len(parts[-1])
        if size > 4 * limit:
            break
    return _FOLD.sub(" ", "".join(parts)).strip()[:limit]
