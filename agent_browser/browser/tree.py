"""Playwright's aria tree of a page, with our refs in place of its own. Pure but for the naming."""

import re
from typing import NamedTuple

import anyio
from playwright.async_api import Error, Frame, Page

from agent_browser.browser.driver import ENGINE_NAME
from agent_browser.browser.worlds import World

REF = re.compile(r"\[ref=((?:f\d+)?e\d+)\]")


class Named(NamedTuple):
    """An element that Playwright's side named, in our numbers."""

    name: str
    world: World
    number: int
    is_secret: bool


def renumbered(tree: str, known: dict[str, Named]) -> str:
    """The aria tree with our refs in place of Playwright's, and without the values of secret
    fields.
    """
    lines = []
    hidden: int | None = None
    for line in tree.split("\n"):
        depth = len(line) - len(line.lstrip())
        if hidden is not None and depth > hidden:
            if line.lstrip().startswith("- /"):
                lines.append(line)
            continue
        hidden = None
        match = REF.search(line)
        named = known.get(match[1]) if match else None
        if match and named is None:
            line = line.replace(f" {match[0]}", "")
        elif match and named is not None:
            line = line.replace(match[0], f"[ref=e{named.number}]")
            if named.is_secret:
                hidden = depth
                head, bracket, rest = line.rpartition("]")
                line = head + bracket + (":" if not rest.strip(": ") and rest else "")
        lines.append(line)
    return "\n".join(lines)


async def name_all(page: Page) -> None:
    """Have Playwright's side name every element that it gave a ref to: one call a frame."""

    async def name(frame: Frame) -> None:
        try:
            await frame.locator(f"{ENGINE_NAME}=names").count()
        except Error:
            return

    async with anyio.create_task_group() as group:
        for frame in page.frames:
            group.start_soon(name, frame)
