"""The whole way from a page's HTML to what was asked for, cut to the length asked for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from lxml.html import HtmlElement
from pydantic import BaseModel

from agent_browser.models.reading import Link, ReadInput, Table
from agent_browser.reading.lists import links_of, tables_of
from agent_browser.reading.markdown import markdown_of
from agent_browser.reading.text import text_of
from agent_browser.reading.tree import (
    main_of,
    markup,
    parsed,
    without_landmarks,
)
from agent_browser.reading.until import Until

M = TypeVar("M", bound=BaseModel)

SLOW = 1_000_000
"""Characters of HTML above which what takes long for each of them is not tried."""


@dataclass
class Content:
    """What was read, and what is to be said of it."""

    text: str | None = None
    links: list[Link] | None = None
    tables: list[Table] | None = None
    total: int = 0
    truncated: bool = False
    notes: list[str] = field(default_factory=list)


def converted(html: str, input: ReadInput, seconds: float) -> Content:
    """The HTML in the format asked for. TooSlow after so many seconds."""
    until = Until(seconds)
    content = Content()
    if input.format == "html" and not input.main:
        _cut(html, input, content)
        return content
    root = parsed(html)
    if input.main:
        root = _main(root, html, content, until)
    if input.format == "links":
        links = links_of(root, until)
        content.links = _items(links, input, content)
    elif input.format == "tables":
        content.tables = _items(tables_of(root, until), input, content)
    else:
        _cut(_text(root, html, input, content, until), input, content)
    return content


def _text(root: HtmlElement, html: str, input: ReadInput, content: Content, until: Until) -> str:
    if input.format == "html":
        return markup(root)
    if input.format == "markdown" and len(html) <= SLOW:
        return markdown_of(root, until)
    if input.format == "markdown":
        content.notes.append(
            f"the page has {len(html)} characters of HTML, too many for Markdown: this is its text"
        )
    return text_of(root, until)


def _main(root: HtmlElement, html: str, content: Content, until: Until) -> HtmlElement:
    """The part that is the page's main content: what it names so, else what is found to be."""
    named = main_of(root)
    if named is not None:
        return named
    extracted = _extracted(html) if len(html) <= SLOW else None
    until.check()
    if extracted:
        return parsed(extracted)
    without_landmarks(root)
    content.notes.append("no main content was found: this is the page without its landmarks")
    return root


def _extracted(html: str) -> str | None:
    from trafilatura import extract  # takes half a second to import, and few calls need it

    return extract(
        html,
        output_format="html",
        fast=True,
        include_comments=False,
        include_formatting=True,
        include_images=True,
        include_links=True,
        include_tables=True,
    )


def _cut(text: str, input: ReadInput, content: Content) -> None:
    content.total = len(text)
    content.text = text[input.offset : input.offset + input.max_chars]
    left = len(text) - input.offset - len(content.text)
    if left > 0:
        content.truncated = True
        content.notes.append(
            f"{left} of {len(text)} characters are left out; "
            f"offset {input.offset + len(content.text)} goes on there"
        )


def _items(found: Sequence[M], input: ReadInput, content: Content) -> list[M]:
    """As many of the items as fit."""
    kept: list[M] = []
    room = input.max_chars
    for position, item in enumerate(found):
        size = len(json.dumps(item.model_dump(), ensure_ascii=False))
        content.total += size
        if position < input.offset or content.truncated:
            continue
        if size > room:
            content.truncated = True
            continue
        room -= size
        kept.append(item)
    if content.truncated:
        reached = input.offset + len(kept)
        content.notes.append(
            f"{len(found) - reached} of {len(found)} are left out; offset {reached} goes on there"
        )
    return kept
