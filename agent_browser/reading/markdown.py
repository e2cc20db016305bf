"""A tree as Markdown."""

from typing import Any

from lxml.html import HtmlElement
from markdownify import MarkdownConverter

from agent_browser.reading.lists import spread
from agent_browser.reading.tree import markup
from agent_browser.reading.until import TooSlow, Until

_OPTIONS: dict[str, Any] = {
    "heading_style": "ATX",
    "bullets": "-",
    "escape_asterisks": False,
    "escape_underscores": False,
    "bs4_options": "lxml",
    "table_infer_header": True,
    "code_language_callback": lambda element: _language(element),
}


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
        return super().process_element(node, parent_tags)  # type: ignore[misc]  # its stub lacks it

    def convert_option(self, el: Any, text: str, parent_tags: Any) -> str:
        """The chosen one stands for its list."""
        return f"{text.strip()} " if el.get("selected") is not None else ""

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
        value = el.get("value")
        return f" {value} " if value and el.get("type") != "hidden" else ""


def _language(pre: Any) -> str:
    """The language that code says it is in, by the usual class."""
    code = pre.find("code")
    names = [*pre.get("class", []), *(code.get("class", []) if code is not None else [])]
    said = [name.partition("-")[2] for name in names if name.startswith(("language-", "lang-"))]
    return said[0][:32] if said else ""


def markdown_of(root: HtmlElement, until: Until) -> str:
    """The Markdown of what is in the tree. TooSlow."""
    spread(root, until)
    try:
        text = _Writer(until).convert(markup(root))
    except RecursionError as exc:
        raise TooSlow from exc
    lines = [line.rstrip() for line in str(text).split("\n")]
    return "\n".join(_no_gaps(lines)).strip("\n")


def _no_gaps(lines: list[str]) -> list[str]:
    """At most one empty line in a row, outside of fenced code."""
    kept: list[str] = []
    is_code = False
    for line in lines:
        if line.lstrip().startswith("```"):
            is_code = not is_code
        if line or is_code or (kept and kept[-1]):
            kept.append(line)
    return kept
