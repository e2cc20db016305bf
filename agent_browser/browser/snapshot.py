"""Looking at a page: one round trip for its document, three more for each frame in it."""

import json
from dataclasses import dataclass, field
from typing import Any

import anyio.lowlevel
from playwright.async_api import CDPSession, Error

from agent_browser.browser import elements
from agent_browser.browser.elements import Row, Survey
from agent_browser.browser.placing import HERE, Placing
from agent_browser.browser.refs import Numbers
from agent_browser.browser.tab import MAX_URL
from agent_browser.browser.tabs import MAX_TITLE
from agent_browser.browser.worlds import MAX_FRAMES, Child, DocumentLeft, World, Worlds

FRAME_DEPTH = 8
LOOK_TIME = 5.0
"""Seconds that a document is looked at; what was not come to by then is left out, and told."""
_MOST_KEPT = 500
_NAVIGATING = 5
"""How often a document may be replaced while it is looked at before that is an error."""


@dataclass(frozen=True)
class _Spot:
    """Where a document is that is being looked at."""

    depth: int = 0
    placing: Placing = HERE
    root: Placing = HERE
    """Of the topmost document of the same process."""
    seen: list[float] | None = None
    counts: bool = True
    """Its elements are asked for."""


@dataclass
class Kept:
    """The rows of the last look at a main frame's document, by which that document knows them."""

    document: str = ""
    id: int | None = None
    rows: list[Row] = field(default_factory=list)

    @property
    def name(self) -> str | None:
        """Of which document and which answer they are: an answer may come from another document
        than the one that was meant.
        """
        return None if self.id is None else f"{self.document}:{self.id}"

    def put(self, document: str, id: int, rows: list[Row]) -> None:
        """Keep these, unless they are many."""
        few = len(rows) <= _MOST_KEPT
        self.document, self.id, self.rows = document, id if few else None, rows if few else []


class Looking:
    """One look at a tab: collects in its documents and gives out numbers."""

    def __init__(
        self,
        worlds: Worlds,
        numbers: Numbers,
        kept: Kept,
        *,
        most: int,
        query: str | None,
        boxes: bool,
    ) -> None:
        self._kept = kept
        self._worlds = worlds
        self._numbers = numbers
        self._most = most
        self._query = query
        self._boxes = boxes
        self._only: World | None = None
        self._below: int | None = None
        self._found = False

    def arguments(
        self,
        frame_id: str | None = None,
        root: int | None = None,
        *,
        seen: list[float] | None = None,
        counts: bool = True,
    ) -> str:
        """The collector's arguments, for a frame's document or, with None, the main frame's."""
        return json.dumps(
            {
                "next": self._numbers.next,
                "heard": self._numbers.heard(self._worlds.token_in(frame_id)),
                "max": self._most if counts else 0,
                "query": self._query if counts else None,
                "root": root,
                "boxes": self._boxes,
                "view": seen,
                "have": self._kept.name,
                "time": LOOK_TIME * 1000,
            }
        )

    async def whole(self) -> Survey:
        """The tab's page. DocumentLeft if it never stays for the time of a look."""
        spot = _Spot(counts=self._only is None)
        for _ in range(_NAVIGATING):
            try:
                call = f"collect({self.arguments(counts=spot.counts)})"
                world, text = await self._worlds.ask_main(call)
                return await self._within(world, text, None, spot)
            except DocumentLeft:
                await anyio.lowlevel.checkpoint()
        raise DocumentLeft

    async def below(self, world: World, number: int) -> Survey:
        """What is below one element. DocumentLeft if its document is gone."""
        if not self._worlds.is_main(world):
            self._only, self._below = world, number
            survey = await self.whole()
            survey.found = self._found
            return survey
        call = f"collect({self.arguments(world.frame_id, number)})"
        return await self._within(world, await self._worlds.ask(world, call), number, _Spot())

    async def within(self, world: World, text: str) -> Survey:
        """The survey of the main frame's document from the collector's answer, frames in it looked
        into too.
        """
        return await self._within(world, text, None, _Spot())

    async def _within(self, world: World, text: str, root: int | None, spot: _Spot) -> Survey:
        said = self._heard(world, text)
        if said["doubts"] and spot.counts:
            await self._worlds.judge(world)
            again = self.arguments(world.frame_id, root, seen=spot.seen)
            said = self._heard(world, await self._worlds.ask(world, f"collect({again})"))
        survey = Survey(
            said["url"][:MAX_URL],
            said["title"][:MAX_TITLE],
            said["rows"],
            said["total"] if spot.counts else 0,
            said["found"],
            said["partial"],
            world.token,
        )
        if said["frames"] and spot.depth < FRAME_DEPTH:
            await self._frames(world, survey, said["frames"][:MAX_FRAMES], spot)
        if len(said["frames"]) > (MAX_FRAMES if spot.depth < FRAME_DEPTH else 0):
            survey.partial = True
        return survey

    def _heard(self, world: World, text: str) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(text)
        self._numbers.given(said["next"], world.token, said["answers"])
        if said["rows"] is None:
            said["rows"] = list(self._kept.rows)
        elif self._worlds.is_main(world):
            self._kept.put(world.token, said["kept"], list(said["rows"]))
        return said

    async def _frames(
        self, world: World, survey: Survey, places: list[list[int]], spot: _Spot
    ) -> None:
        children = {child.number: child for child in await self._worlds.children(world, spot.seen)}
        looked: list[tuple[int, Survey]] = []
        for number, row in places:
            if number in children:
                child = children[number]
                inner = await self._frame(child, self._spot(world.session, child, spot))
                if inner is not None:
                    looked.append((row, inner))
        elements.merge(survey, looked)
        del survey.rows[self._most :]

    def _spot(self, session: CDPSession, child: Child, outer: _Spot) -> _Spot:
        placing = (outer.root if child.is_in_root else outer.placing).after(child.placing)
        root = outer.root if child.session is session else placing
        only = self._only
        counts = outer.counts or (only is not None and child.frame_id == only.frame_id)
        return _Spot(outer.depth + 1, placing, root, child.seen, counts)

    async def _frame(self, child: Child, spot: _Spot) -> Survey | None:
        only = self._only
        is_root = only is not None and child.frame_id == only.frame_id
        number = self._below if is_root else None
        call = self.arguments(child.frame_id, number, seen=spot.seen, counts=spot.counts)
        try:
            world, text = await self._worlds.ask_frame(
                child.session, child.frame_id, f"collect({call})"
            )
            inner = await self._within(world, text, number, spot)
        except (DocumentLeft, Error):
            return None
        if is_root:
            self._found = world == only and inner.found
        for row in inner.rows:
            if child.cover and not row.get("off"):
                row.setdefault("covered", child.cover)
            if "frame" not in row:
                row["frame"] = inner.url
                if "box" in row:
                    row["box"] = spot.placing.box(row["box"])
        return inner
