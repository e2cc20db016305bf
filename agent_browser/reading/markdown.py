"""A tree as Markdown that says what the page says: no text of a page is taken for structure."""

import re
from typing import Any

from lxml.html import HtmlElement
from markdownify import MarkdownConverter

from agent_browser.reading.grids import COLUMNS, straighten
from agent_browser.reading.tree import markup
from agent_browser.reading.until import TooSlow, Until

_OPTIONS: dict[str, Any] = {
    "heading_style": "ATX",
    "bullets": "-",
    "escape_asterisks": False,
    "escape_underscores": False,
    "bs4_options": "lxml",
    "code_language_callback": lambda element: _language(element),
    # White space is folded, line breaks too: each line is one that the page has.
    "wrap": True,
    "wrap_width": None,
}
_MARKUP = re.compile(r"<(?=[a-zA-Z/!?])|(?<=\])\((?=\S)")
_BRACKETS = re.compile(r"([\[\]])")
_BEGINNING = re.compile(r"^(\s*)(#{1,6}(?=\s|$)|>|\||[-+*](?=\s|$)|`{3}|~{3}|[-=]+\s*$)")
_NUMBERED = re.compile(r"^(\s*\d{1,9})([.)])(?=\s|$)")
_SPACES = re.compile(r"\s+")
_TICKS = re.compile(r"`+")
_FENCE = re.compile(r"^\s*(`{3,})")
_INLINE = frozenset(
    """
    a abbr b bdi bdo cite code data del dfn em font i ins kbd label mark q s samp small span
    strong sub sup time tt u var wbr
    """.split()  # noqa: SIM905  (read as words)
)


class _Writer(MarkdownConverter):
    """markdownify, that looks at the clock: some documents take it very long."""

    def __init__(self, until: Until) -> None:
        super().__init__(**_OPTIONS)
        self._until = until
        self._steps = 0

    def process_element(self, node: Any, parent_tags: Any = None) -> Any:
        self._steps += 1
        if self._steps % 64 == 0:
            self._until.check()
        plain: Any = super()  # its stub lacks most methods
        return plain.process_element(node, parent_tags)

    def process_text(self, el: Any, parent_tags: Any = None) -> str:
        """Text with what Markdown would read as its own marks escaped."""
        plain: Any = super()
        text = str(plain.process_text(el, parent_tags))
        tags = parent_tags or set()
        if "_noformat" in tags:
            return text
        text = _MARKUP.sub(lambda mark: f"\\{mark[0]}", text)
        if "a" in tags:
            text = _BRACKETS.sub(r"\\\1", text)
        if "_inline" in tags or not _begins_line(el):
            return text
        return _NUMBERED.sub(r"\1\\\2", _BEGINNING.sub(r"\1\\\2", text))

    def convert_a(self, el: Any, text: str, parent_tags: Any) -> str:
        """A link whose target and title can't end it."""
        if el.get("href"):
            el["href"] = _target(el["href"])
        if el.get("title"):
            el["title"] = _SPACES.sub(" ", el["title"])
        plain: Any = super()
        return str(plain.convert_a(el, text, parent_tags))

    def convert_img(self, el: Any, text: str, parent_tags: Any) -> str:
        """A picture with its words on one line."""
        el["alt"] = _BRACKETS.sub(r"\\\1", _SPACES.sub(" ", el.get("alt") or ""))
        el["src"] = _target(el.get("src") or "")
        el["title"] = _SPACES.sub(" ", el.get("title") or "")
        plain: Any = super()
        return str(plain.convert_img(el, text, parent_tags))

    def convert_pre(self, el: Any, text: str, parent_tags: Any) -> str:
        """A fence longer than any in it; in a cell, code on one line."""
        plain: Any = super()
        if "_inline" in parent_tags:
            return f" {plain.convert_code(el, _SPACES.sub(' ', text), set())} "
        block = str(plain.convert_pre(el, text, parent_tags))
        longest = max(map(len, _TICKS.findall(text)), default=0)
        if longest < 3 or not block:
            return block
        fence = "`" * (longest + 1)
        return f"\n\n{fence}{block.strip()[3:-3]}{fence}\n\n"

    def convert_tr(self, el: Any, text: str, parent_tags: Any) -> str:
        """A row; the first of a table is its head."""
        columns = str(el.get(COLUMNS) or "")
        return f"|{text}\n" + (f"|{' --- |' * int(columns)}\n" if columns.isdecimal() else "")

    def convert_td(self, el: Any, text: str, parent_tags: Any) -> str:
        """A cell, on one line, without a mark that would end it."""
        plain: Any = super()
        return str(plain.convert_td(el, text.replace("|", "\\|"), parent_tags))

    convert_th = convert_td

    def convert_option(self, el: Any, text: str, parent_tags: Any) -> str:
        """The chosen one stands for its list."""
        return f"{text.strip()} " if el.get("selected") is not None else ""

    def convert_button(self, el: Any, text: str, parent_tags: Any) -> str:
        """What stands in a box of its own, apart from its neighbours."""
        return f" {text.strip()} " if text.strip() else ""

    convert_select = convert_textarea = convert_button

    def convert_summary(self, el: Any, text: str, parent_tags: Any) -> str:
        """A line of its own, as is what it opens."""
        return f"\n\n{text.strip()}\n\n" if "_inline" not in parent_tags else text

    convert_details = convert_summary
    convert_main = convert_header = convert_footer = convert_nav = convert_summary
    convert_aside = convert_form = convert_fieldset = convert_address = convert_summary

    def convert_input(self, el: Any, text: str, parent_tags: Any) -> str:
        """What is in the field, or whether it is ticked."""
        if el.get("type") in ("checkbox", "radio"):
            return "[x] " if el.get("checked") is not None else "[ ] "
        value = _MARKUP.sub(lambda mark: f"\\{mark[0]}", _SPACES.sub(" ", el.get("value") or ""))
        return f" {value} " if value and el.get("type") != "hidden" else ""


def _begins_line(text: Any) -> bool:
    """Whether nothing stands before it in its block, or a line break does."""
    at: Any = text
    while True:
        before: Any = at.previous_sibling
        while _is_blank(before):
            before = before.previous_sibling
        if before is not None:
            return not isinstance(before, str) and before.name not in _INLINE
        at = at.parent
        if at is None or at.name not in _INLINE:
            return True


def _is_blank(node: Any) -> bool:
    return isinstance(node, str) and not node.strip()


def _target(address: str) -> str:
    """An address that neither a space nor a bracket of its own can end."""
    told = _SPACES.sub("%20", address.strip()).replace("<", "%3C").replace(">", "%3E")
    depth = 0
    for sign in told:
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            break
    return told if depth == 0 else told.replace("(", "%28").replace(")", "%29")


def _language(pre: Any) -> str:
    """The language that code says it is in, by the usual class."""
    code = pre.find("code")
    names = [*pre.get("class", []), *(code.get("class", []) if code is not None else [])]
    said = [name.partition("-")[2] for name in names if name.startswith(("language-", "lang-"))]
    return re.sub(r"[^\w+#.-]", "", said[0])[:32] if said else ""


def markdown_of(root: HtmlElement, until: Until) -> str:
    """The Markdown of what is in the tree. TooSlow."""
    straighten(root, until)
    try:
        text = _Writer(until).convert(markup(root))
    except RecursionError as exc:
        raise TooSlow from exc
    lines = [line.rstrip() for line in str(text).split("\n")]
    return "\n".join(_no_gaps(lines)).strip(" \n")


def _no_gaps(lines: list[str]) -> list[str]:
    """At most one empty line in a row, outside of fenced code."""
    kept: list[str] = []
    fence = ""
    for line in lines:
        found = _FENCE.match(line)
        if fence:
            fence = "" if line.strip() == fence else fence
        elif found:
            fence = found[1]
        if line or fence or (kept and kept[-1]):
            kept.append(line)
    return kept
