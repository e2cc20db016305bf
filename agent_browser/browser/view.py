"""What a session has seen of its pages: the numbers given out, the lines of its last look."""

import itertools
import re
from contextlib import suppress
from typing import NamedTuple

import anyio
from playwright.async_api import Error

from agent_browser.browser.driver import ENGINE_NAME
from agent_browser.browser.elements import Survey, changes, element, text_of
from agent_browser.browser.refs import Numbers, Ref, parse, stale
from agent_browser.browser.snapshot import Looking
from agent_browser.browser.tab import Tab
from agent_browser.browser.tabs import Tabs
from agent_browser.browser.targets import find, world_of
from agent_browser.browser.worlds import DocumentLeft, World
from agent_browser.errors import ActionFailed
from agent_browser.models.functions import Element, PageState

LIMIT = 200
"""Elements of a snapshot where nothing else is asked for (contract, section 2)."""

_KEEP = 500
"""Spans of numbers after which those of documents that were left are forgotten."""

_MOST_NAMED = 500
"""Elements of a tree that get refs; each is a call to the driver, which all sessions share."""

_NAMED_AT_ONCE = 8

_TREE_REF = re.compile(r"\[ref=((?:f\d+)?e\d+)\]")


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
        match = _TREE_REF.search(line)
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


class View:
    """One session's view of its tabs."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self._lines: dict[str, str] = {}

    def looking(
        self, tab: Tab, *, most: int = LIMIT, query: str | None = None, boxes: bool = False
    ) -> Looking:
        """A look at the tab, for a caller that makes the first round trip itself."""
        return Looking(tab.worlds, self.numbers, most=most, query=query, boxes=boxes)

    async def look(
        self,
        tab: Tab,
        *,
        limit: int = LIMIT,
        offset: int = 0,
        query: str | None = None,
        root: str | None = None,
        boxes: bool = False,
    ) -> Survey:
        """What can be acted on. DocumentLeft if no page stays, ActionFailed for a bad root."""
        look = self.looking(tab, most=limit + offset, query=query, boxes=boxes)
        survey = await look.whole() if root is None else await self._below(tab, look, root)
        tab.title = survey.title
        return survey

    async def _below(self, tab: Tab, look: Looking, root: str) -> Survey:
        named = parse(root)
        if isinstance(named, Ref):
            world, number = world_of(tab, self.numbers, named), named.number
        else:
            world, number = await self._found(tab, root)
        try:
            survey = await look.below(world, number)
        except DocumentLeft:
            survey = Survey(found=False)
        if not survey.found:
            raise (
                stale(named)
                if isinstance(named, Ref)
                else ActionFailed("no_match", f"{root} matches nothing")
            )
        return survey

    async def _found(self, tab: Tab, selector: str) -> tuple[World, int]:
        await tab.worlds.ask_main("measures()")
        target = await find(tab, self.numbers, selector)
        try:
            await target.locator.first.locator(f"{ENGINE_NAME}=name:root").count()
        except Error as exc:
            raise await target.failure(exc, 0) from exc
        for named in await self._take_named(tab):
            if named.name == "root":
                return named.world, named.number
        raise ActionFailed("no_match", f"{selector} matches nothing in the page")

    async def _take_named(self, tab: Tab) -> list["Named"]:
        """What Playwright's side named since last asked."""
        taken: list[Named] = []
        for world in tab.worlds.all():
            try:
                heard = self.numbers.heard(world.token)
                answer = await tab.worlds.ask(world, f"takeNamed({self.numbers.next}, '{heard}')")
            except DocumentLeft:
                continue
            self.numbers.given(answer["next"], world.token, answer["answers"])
            taken += [
                Named(name, world, number, secret) for name, number, secret in answer["found"]
            ]
        return taken

    async def tree(self, tab: Tab, seconds: float) -> str:
        """Playwright's aria tree of the page, its refs replaced by ours."""
        text = await tab.page.aria_snapshot(mode="ai", timeout=seconds * 1000)
        own = dict.fromkeys(_TREE_REF.findall(text))
        few = anyio.CapacityLimiter(_NAMED_AT_ONCE)

        async def name(ref: str) -> None:
            found = tab.page.locator(f"aria-ref={ref} >> {ENGINE_NAME}=name:{ref}")
            async with few:
                with suppress(Error):
                    await found.count()

        async with anyio.create_task_group() as group:
            for ref in itertools.islice(own, _MOST_NAMED):
                group.start_soon(name, ref)
        return renumbered(text, {named.name: named for named in await self._take_named(tab)})

    def elements(self, survey: Survey, *, offset: int = 0, boxes: bool = False) -> list[Element]:
        """The survey's elements as they cross the wire."""
        return [element(row, boxes=boxes) for row in survey.rows[offset:]]

    async def state(
        self,
        tabs: Tabs,
        survey: Survey,
        *,
        offset: int = 0,
        boxes: bool = False,
        delta: bool = False,
    ) -> PageState:
        """The survey with all that an answer says of the page."""
        found = self.elements(survey, offset=offset, boxes=boxes)
        changed = changes(self._lines, found) if delta else None
        self._lines = {item.ref: item.desc for item in found}
        if self.numbers.spans > _KEEP:
            self.numbers.keep({token for tab in tabs.open for token in tab.worlds.tokens()})
        return PageState(
            url=survey.url,
            title=survey.title,
            elements=found,
            elements_text=text_of(found),
            total=survey.total,
            delta=changed,
            dialogs=tabs.take_dialogs(),
            tabs=await tabs.listed(),
        )
