"""What a session has seen of its pages: the numbers given out, the lines of its last look."""

from collections.abc import Coroutine
from typing import Any

from playwright.async_api import Error

from agent_browser.browser import fitting
from agent_browser.browser.driver import ENGINE_NAME
from agent_browser.browser.elements import Survey, changes, element, text_of
from agent_browser.browser.refs import Numbers, Ref, parse, stale
from agent_browser.browser.snapshot import Kept, Looking
from agent_browser.browser.tab import Tab
from agent_browser.browser.tabs import Tabs
from agent_browser.browser.targets import acting_on, find, world_of
from agent_browser.browser.together import both
from agent_browser.browser.tree import Named, named_in, refs_of, renumbered, taken
from agent_browser.browser.worlds import DocumentLeft, World
from agent_browser.errors import ActionFailed
from agent_browser.models.functions import Element, PageState, SnapshotInput
from agent_browser.models.looks import DeltaWish, Look

LIMIT = 200
"""Elements of a snapshot where nothing else is asked for (contract, section 2)."""

_KEEP = 500
"""Spans of numbers after which those of documents that were left are forgotten."""


class View:
    """One session's view of its tabs."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self._lines: dict[str, str] = {}
        self._document: str | None = None
        self._kept = Kept()

    def line(self, ref: str) -> str | None:
        """The line of an element of the last look, by its ref (`@e7`); None for others."""
        return self._lines.get(ref)

    def looking(
        self, tab: Tab, *, most: int = LIMIT, query: str | None = None, boxes: bool = False
    ) -> Looking:
        """A look at the tab, for a caller that makes the first round trip itself."""
        return Looking(tab.worlds, self.numbers, self._kept, most=most, query=query, boxes=boxes)

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

    def is_plain(self, text: str) -> bool:
        """Whether the last look at the main frame showed that ref, and as none for secrets."""
        try:
            named = parse(text)
        except ActionFailed:
            return False
        if not isinstance(named, Ref):
            return False
        row = next((row for row in self._kept.rows if row["n"] == named.number), None)
        return row is not None and not row.get("secret")

    async def place(self, tab: Tab, text: str) -> tuple[World, int]:
        """The document and the number of what a ref or selector names; ActionFailed."""
        named = parse(text)
        if isinstance(named, Ref):
            return world_of(tab, self.numbers, named), named.number
        return await self._found(tab, text)

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

    async def _take_named(self, tab: Tab) -> list[Named]:
        """What Playwright's side named since last asked."""
        found: list[Named] = []
        for world in tab.worlds.all():
            try:
                heard = self.numbers.heard(world.token)
                answer = await tab.worlds.ask(world, f"takeNamed({self.numbers.next}, '{heard}')")
            except DocumentLeft:
                continue
            found += taken(answer, self.numbers, tab.worlds)
        return found

    async def answer(self, tabs: Tabs, tab: Tab, input: SnapshotInput, seconds: float) -> PageState:
        """All that a snapshot is asked for. DocumentLeft and ActionFailed as `look`."""
        look = self.look(
            tab,
            limit=input.limit,
            offset=input.offset,
            query=input.query,
            root=input.root,
            boxes=input.boxes,
        )
        if input.tree:
            aria = self._aria(tab, input.root, seconds)
            (survey, known), tree = await both(self._named(tab, look, input), aria)
        else:
            survey, known, tree = await look, [], ""
        room = fitting.room(input)
        state = await self.state(
            tabs,
            survey,
            offset=input.offset,
            boxes=input.boxes,
            delta=input.delta,
            max_chars=room,
        )
        if input.tree:
            tree = await self._renumbered(tab, tree, known)
            state = fitting.with_tree(state, tree, room)
        return fitting.bounded(state) if input.boundaries else state

    async def _aria(self, tab: Tab, root: str | None, seconds: float) -> str:
        """Playwright's aria tree of the page, or of what is below the root."""
        milliseconds = seconds * 1000
        if root is None:
            return await tab.page.aria_snapshot(mode="ai", timeout=milliseconds)
        target = await find(tab, self.numbers, root)
        async with acting_on(target, milliseconds) as locator:
            return await locator.first.aria_snapshot(mode="ai", timeout=milliseconds)

    async def _named(
        self, tab: Tab, look: Coroutine[Any, Any, Survey], input: SnapshotInput
    ) -> tuple[Survey, list[Named]]:
        """A look, and what Playwright's side names in the main frame: asked for while it makes its
        tree, and mostly answered right after that.
        """
        survey = await look
        self.elements(survey, offset=input.offset, boxes=input.boxes)  # made while it is at work
        return survey, await named_in(tab.page.main_frame, self.numbers, tab.worlds)

    async def _renumbered(self, tab: Tab, tree: str, known: list[Named]) -> str:
        """Such a tree with our refs in place of Playwright's."""
        names = {named.name: named for named in known}
        if not refs_of(tree) <= names.keys():
            for frame in tab.page.frames:  # in turn: numbers follow on those of the frame before
                found = await named_in(frame, self.numbers, tab.worlds)
                names |= {named.name: named for named in found}
        return renumbered(tree, names)

    async def told(
        self, tabs: Tabs, survey: Survey, asked: Look, *, delta: DeltaWish = False
    ) -> PageState:
        """The survey as an answer of `open` or of an action tells it."""
        state = await self.state(tabs, survey, delta=delta, max_chars=fitting.room(asked))
        return fitting.bounded(state) if asked.boundaries else state

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
        delta: DeltaWish = False,
        max_chars: int = fitting.MAX_CHARS,
    ) -> PageState:
        """The survey with all that an answer says of the page."""
        found = self.elements(survey, offset=offset, boxes=boxes)
        shown = found[: fitting.fitting([item.desc for item in found], max_chars)]
        note = fitting.note_of(len(shown), offset, survey.total, partial=survey.partial)
        is_new = survey.document != self._document
        changed = changes(self._lines, shown, new_page=is_new) if delta else None
        self._lines = {item.ref: item.desc for item in shown}
        self._document = survey.document
        if self.numbers.spans > _KEEP:
            self.numbers.keep({token for tab in tabs.open for token in tab.worlds.tokens()})
        state = PageState(
            url=survey.url,
            title=survey.title,
            elements=shown,
            elements_text=text_of(shown, note if len(shown) < len(found) else None),
            total=survey.total,
            note=note,
            delta=changed,
            dialogs=tabs.take_dialogs(),
            tabs=await tabs.listed(),
            refused_tabs=tabs.take_refused(),
        )
        return fitting.changes_alone(state, max_chars) if delta == "only" else state
