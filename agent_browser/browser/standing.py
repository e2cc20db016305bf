"""Where a tab stands: its address, its history, what is filled in; and what its frames store."""

import json
from contextlib import suppress
from typing import Any

import anyio
from playwright.async_api import Error

from agent_browser.browser.areas import Area, origin_of
from agent_browser.browser.frames import Frame, Frames
from agent_browser.browser.hearing import Ear, Hearing
from agent_browser.browser.parts import loaded
from agent_browser.browser.tab import Tab
from agent_browser.browser.tabs import MAX_TITLE
from agent_browser.browser.together import all_of
from agent_browser.browser.weights import Weight
from agent_browser.browser.worlds import DocumentLeft
from agent_browser.models.checkpoints import Loss

MOST_ENTRIES = 50
MOST_COMPARED = 500
"""Entries of an area that are compared at each capture, heard of or not."""
MOST_URL = 1_000_000
"""Characters of an address in a history; a data: address may have more."""
FRAME_BOUND = 0.4
"""Seconds that a frame within a page has to answer."""
WEIGHED_BOUND = 0.3
"""Seconds that a page has to keep a promise; one that stands still only answers at once."""
_UNREADABLE = "it could not be read"


class Claims:
    """Which areas are being read in one capture: each is read once."""

    def __init__(self, *, thorough: bool, frozen: bool = False) -> None:
        self.thorough = thorough
        self.frozen = frozen
        """The pages stand still."""
        self._taken: set[int] = set()

    def anew(self) -> "Claims":
        """The same with nothing taken."""
        return Claims(thorough=self.thorough, frozen=self.frozen)

    def take(self, area: Area) -> bool:
        """Whether this one is to be read by who asks."""
        if id(area) in self._taken or not (self.thorough or area.is_changed or _is_small(area)):
            return False
        self._taken.add(id(area))
        return True


def _is_small(area: Area) -> bool:
    """Whether its document compares it faster than it would be told of a change, a little late."""
    return len(area.entries) <= MOST_COMPARED and area.size <= MOST_COMPARED * 200


class Standing:
    """One tab's, as it was last read."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.frames = Frames(tab)
        self.open: dict[str, Frame] = {}
        """A frame of each origin that it showed then."""
        self.weight: Weight | None = None
        """What the origin of its page had then, if the page told."""
        self.state: dict[str, Any] = {}
        """As states have it."""
        self.losses: tuple[Loss, ...] = ()
        self._looks: dict[str, tuple[str, int, dict[str, Any]]] = {}
        self._told: dict[tuple[str, bool], tuple[str, int]] = {}
        self._history: dict[str, Any] = {}
        self._silent: set[str] = set()
        self._is_late = True
        """It went somewhere since its history was read."""
        tab.page.on("framenavigated", self._went)

    def _went(self, _: object) -> None:
        self._is_late = True

    async def read(self, hearing: Hearing, claims: Claims) -> None:
        """Ask the tab. Error, DocumentLeft; it is unchanged then."""
        ear = await hearing.listen(self.tab)
        frames = await self.frames.all()
        hearing.has_remote |= any(frame.session is not ear.session for frame in frames)
        losses: list[Loss] = []
        looks: dict[str, dict[str, Any]] = {}
        # What follows databases is sent before what asks for their weight: see `Weight`.
        calls = [
            self._follow(hearing, ear, name)
            for name in {frame.origin for frame in frames} - {""}
            if not hearing.is_followed(name)
        ]
        if self._is_late or claims.thorough:
            calls.append(self._ask_history())
        calls += [self._ask(hearing, ear, frame, claims, looks, losses) for frame in frames]
        self.weight = None
        await (calls[0] if len(calls) == 1 else all_of(*calls))
        await self._tell_silent(losses)
        self.open = {frame.origin: frame for frame in reversed(frames) if frame.origin}
        self._looks = {k: v for k, v in self._looks.items() if k in {f.id for f in frames}}
        self._take(frames, looks, losses)

    def fall_back(self, why: str) -> None:
        """It can't be asked: it is as it was, at its present address."""
        url, title = self.tab.url, self.tab.title
        self.open = {}
        if not self.state:
            history = {"index": 0, "entries": [{"url": url, "title": title}]}
            self.state = {"id": self.tab.id, "url": url, "title": title, "history": history}
        elif self.state["url"] != url and not url.startswith("chrome-error:"):
            # What was filled in, and how far it was scrolled, was of another document.
            before = self.state["history"]
            entries = [*before["entries"][: before["index"] + 1], {"url": url, "title": title}]
            history = {"index": len(entries) - 1, "entries": entries}
            self.state = {"id": self.tab.id, "url": url, "title": title, "history": history}
        self.state = {**self.state, "opener": self.tab.opener}
        self.losses = (Loss(what="tab", where=self.tab.id, why=why),)

    async def _ask_history(self) -> None:
        session = await self.tab.worlds.session()
        self._is_late = False
        self._history = await session.send("Page.getNavigationHistory")

    async def _ask(
        self,
        hearing: Hearing,
        ear: Ear,
        frame: Frame,
        claims: Claims,
        looks: dict[str, dict[str, Any]],
        losses: list[Loss],
    ) -> None:
        token, n, known = self._looks.get(frame.id, ("", 0, {}))
        asked: dict[str, Any] = {"look": n if token == frame.token else 0}
        wanted: list[tuple[str, Area, int]] = []
        origin = hearing.origin(frame.origin) if frame.origin else None
        if origin is not None:
            origin.was_open = True
            areas = {
                "local": origin.local,
                "session": ear.areas.setdefault(frame.origin, Area()),
            }
            for kind, area in areas.items():
                if not self._is_heard(ear, frame):
                    area.miss()
                if claims.take(area):
                    wanted.append((kind, area, area.heard))
                    asked[kind] = self._known(frame, kind, area)
        answer = await self._answer(frame, json.dumps(asked), frozen=claims.frozen)
        if answer is None:
            return
        look = _parsed(answer["look"])
        if "value" in look:
            known = {**look["value"], "origin": answer["origin"]}
        if "why" in look:
            where = frame.origin or self.tab.id
            losses.append(Loss(what="form", where=where, why=look["why"][:300]))
            known = known if token == frame.token else {}
        else:
            self._looks[frame.id] = (frame.token, look["n"], known)
        if known:
            looks[frame.id] = known
        if origin_of(answer["origin"]) != frame.origin:
            self.frames.look_again()
            return
        if "usage" in answer and not frame.path:
            self.weight = Weight(frame.origin, answer["usage"])
        for kind, area, mark in wanted:
            told = _parsed(answer[kind])
            if "why" in told:
                what = "local_storage" if kind == "local" else "session_storage"
                losses.append(Loss(what=what, where=frame.origin, why=told["why"]))
                continue
            if "value" in told:
                area.take(told["value"], mark)
            else:
                area.confirm(mark)
            area.was_missed |= not self._is_heard(ear, frame)
            self._told[frame.id, kind == "local"] = (frame.token, told["n"])

    async def _follow(self, hearing: Hearing, ear: Ear, name: str) -> None:
        """Be told of the databases of an origin, if nobody is; then any may have changed."""
        origin = hearing.origin(name)
        if origin is None:
            return
        origin.unread.add(None)
        with suppress(Error):
            await hearing.follow(ear, name)

    async def _answer(self, frame: Frame, asked: str, *, frozen: bool) -> dict[str, Any] | None:
        """What the frame says; None where a frame within the page says nothing. It may be going
        away: then the browser may never answer.
        """
        if not frame.path:
            if not frozen:
                with anyio.move_on_after(WEIGHED_BOUND):
                    return dict(await self.frames.ask(frame, f"weighed({asked})"))
            return dict(await self.frames.ask(frame, f"read({asked})"))
        with anyio.move_on_after(FRAME_BOUND), suppress(Error, DocumentLeft):
            return dict(await self.frames.ask(frame, f"read({asked})"))
        self.frames.look_again()
        self._silent.add(frame.id)
        return None

    async def _tell_silent(self, losses: list[Loss]) -> None:
        """Of the frames that said nothing those that are still there."""
        if self._silent:
            there = {frame.id: frame for frame in await self.frames.all()}
            for frame_id in self._silent & set(there):
                where = there[frame_id].origin or self.tab.id
                losses.append(Loss(what="page", where=where, why="a frame of it did not answer"))
            self._silent.clear()

    def _is_heard(self, ear: Ear, frame: Frame) -> bool:
        """Whether what it stores is told; not where it floods, nor in a renderer of its own."""
        return not ear.is_deaf and frame.session is ear.session

    def _known(self, frame: Frame, kind: str, area: Area) -> int:
        """Under which number the document told what the area has; 0: it has something else."""
        token, n = self._told.get((frame.id, kind == "local"), ("", 0))
        return n if token == frame.token and area.heard == area.read else 0

    def _take(
        self, frames: list[Frame], looks: dict[str, dict[str, Any]], losses: list[Loss]
    ) -> None:
        main = looks.get(frames[0].id, {})
        title = str(main.get("title", self.tab.title))[:MAX_TITLE]
        history = _history(self._history, title, losses, self.tab.id)
        if not history["entries"]:
            history = {"index": 0, "entries": [{"url": self.tab.url, "title": title}]}
        fields = [
            {**field, "frame": list(frame.path), "origin": looks[frame.id]["origin"]}
            for frame in frames
            if frame.id in looks
            for field in looks[frame.id].get("fields", [])
        ]
        cut = sum(look.get("cut", 0) for look in looks.values())
        if cut:
            why = f"{cut} of its fields hold too much, or are too many"
            losses.append(Loss(what="form", where=self.tab.id, why=why))
        if "stateless" in main:
            why = f"history.state: {main['stateless']}"
            losses.append(Loss(what="history", where=self.tab.id, why=why))
        self.losses = tuple(losses)
        self.state = {
            "id": self.tab.id,
            "url": history["entries"][history["index"]]["url"],
            "title": title,
            "opener": self.tab.opener,
            "history": history,
            "scroll": {"x": main.get("x", 0), "y": main.get("y", 0)},
            "fields": fields,
            "state": main.get("state"),
        }


def _parsed(told: dict[str, Any]) -> dict[str, Any]:
    """What a document told of one thing, its text read."""
    if "text" not in told:
        return told
    value = loaded(told["text"])
    return {"why": _UNREADABLE} if value is None else {"n": told["n"], "value": value}


def _history(told: dict[str, Any], title: str, losses: list[Loss], tab_id: str) -> dict[str, Any]:
    """A history as states have it: the entries around the present one, which has the title."""
    index = told.get("currentIndex", 0)
    at, entries = 0, list[dict[str, Any]]()
    there = told.get("entries", [])
    start = max(0, min(index - MOST_ENTRIES * 4 // 5, len(there) - MOST_ENTRIES))
    left_out = max(0, len(there) - MOST_ENTRIES)
    for place, entry in enumerate(there[start : start + MOST_ENTRIES], start):
        if len(entry["url"]) > MOST_URL and place != index:
            left_out += 1
            continue
        if place == index:
            at = len(entries)
        shown = title if place == index else entry["title"][:MAX_TITLE]
        entries.append({"url": entry["url"], "title": shown})
    if left_out:
        why = f"{left_out} entries are too many, or too long"
        losses.append(Loss(what="history", where=tab_id, why=why))
    return {"index": at, "entries": entries}
