"""Looking at a page: one round trip for its document, three more for each frame in it."""

import json
from typing import Any

import anyio.lowlevel
from playwright.async_api import Error

from agent_browser.browser import elements
from agent_browser.browser.elements import Survey
from agent_browser.browser.refs import Numbers
from agent_browser.browser.tabs import MAX_TITLE, MAX_URL
from agent_browser.browser.worlds import Child, DocumentLeft, World, Worlds

FRAME_DEPTH = 8
_NAVIGATING = 5
"""How often a document may be replaced while it is looked at before that is an error."""


class Looking:
    """One look at a tab: collects in its documents and gives out numbers."""

    def __init__(
        self, worlds: Worlds, numbers: Numbers, *, most: int, query: str | None, boxes: bool
    ) -> None:
        self._worlds = worlds
        self._numbers = numbers
        self._most = most
        self._query = query
        self._boxes = boxes

    def arguments(self, frame_id: str | None = None, root: int | None = None) -> str:
        """The collector's arguments, for a frame's document or, with None, the main frame's."""
        return json.dumps(
            {
                "next": self._numbers.next,
                "heard": self._numbers.heard(self._worlds.token_in(frame_id)),
                "max": self._most,
                "query": self._query,
                "root": root,
                "boxes": self._boxes,
            }
        )

    async def whole(self) -> Survey:
        """The tab's page. DocumentLeft if it never stays for the time of a look."""
        for _ in range(_NAVIGATING):
            try:
                world, text = await self._worlds.ask_main(f"collect({self.arguments()})")
                return await self.within(world, text)
            except DocumentLeft:
                await anyio.lowlevel.checkpoint()
        raise DocumentLeft

    async def below(self, world: World, number: int) -> Survey:
        """What is below one element. DocumentLeft if its document is gone."""
        call = f"collect({self.arguments(world.frame_id, number)})"
        return await self.within(world, await self._worlds.ask(world, call))

    async def within(self, world: World, text: str, depth: int = 0) -> Survey:
        """The survey of a document from the collector's answer, frames in it looked into too."""
        said: dict[str, Any] = json.loads(text)
        self._numbers.given(said["next"], world.token, said["answers"])
        survey = Survey(
            said["url"][:MAX_URL],
            said["title"][:MAX_TITLE],
            said["rows"],
            said["total"],
            said["found"],
        )
        if said["frames"] and depth < FRAME_DEPTH:
            await self._frames(world, survey, said["frames"], depth)
        return survey

    async def _frames(
        self, world: World, survey: Survey, places: list[list[int]], depth: int
    ) -> None:
        children = {child.number: child for child in await self._worlds.children(world)}
        looked: list[tuple[int, Survey]] = []
        for number, row in places:
            if number in children:
                inner = await self._frame(children[number], depth + 1)
                if inner is not None:
                    looked.append((row, inner))
        elements.merge(survey, looked)
        del survey.rows[self._most :]

    async def _frame(self, child: Child, depth: int) -> Survey | None:
        try:
            world, text = await self._worlds.ask_frame(
                child.session, child.frame_id, f"collect({self.arguments(child.frame_id)})"
            )
            inner = await self.within(world, text, depth)
        except (DocumentLeft, Error):
            return None
        for row in inner.rows:
            row.setdefault("frame", inner.url)
            if "box" in row:
                row["box"] = [
                    row["box"][0] + child.x, row["box"][1] + child.y, row["box"][2], row["box"][3]
                ]  # fmt: skip
        return inner
