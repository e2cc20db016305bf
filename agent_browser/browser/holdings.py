"""The databases and files of origins, as they are read: in a frame that shows the origin, else in a
page of ours.
"""

import hashlib
import json
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any

import anyio
import structlog
from playwright.async_api import CDPSession, Error

from agent_browser.browser import backstage
from agent_browser.browser.areas import Origin, origin_of
from agent_browser.browser.frames import Frame, ask_frame, ask_long
from agent_browser.browser.freezing import Freezing
from agent_browser.browser.functions import Reach
from agent_browser.browser.hearing import Hearing
from agent_browser.browser.parts import Parts, value_of
from agent_browser.browser.standing import Standing
from agent_browser.browser.tab import Tab
from agent_browser.browser.together import all_of
from agent_browser.browser.translate import first_line, is_gone
from agent_browser.browser.weights import Usage, usage
from agent_browser.browser.worlds import DocumentLeft
from agent_browser.models.checkpoints import DATABASES, FILES, Loss, Part

MOST_DATABASES = 50_000_000
MOST_FILES = 50_000_000
"""Characters of an origin's databases, and of its files, as states have them."""
MOST_USAGE = 4 * MOST_DATABASES
"""Bytes of an origin's databases, as the browser counts them, from which on none is even read."""
TOO_LARGE = "too large"
"""Why the reader left a database out; it is asked again only when that changed."""
READ_BOUND = 3.0
"""Seconds in which the databases or the files of an origin are read. What was read arrives in the
time that the capture has left.
"""
BLOCKED_FOR = 60.0
"""Seconds for which a database that a page holds up is not asked for, unless it is heard of."""
LARGE = 1_000_000
"""Bytes of an origin's databases from which on they are read in a page of ours, where one shows the
origin too.
"""
_NO_TIME = "there was no time to read it"
_log = structlog.get_logger(__name__)


async def read_databases(
    frame: Frame,
    origin: Origin,
    parts: Parts,
    weight: Usage | None,
    until: float,
    *,
    thorough: bool,
) -> None:
    """Those that changed, into the origin's part. What can't be read is as it was, and told."""
    name, now = DATABASES + origin.name, anyio.current_time()
    if not (thorough or origin.is_due(now)):
        return
    mark, wanted = origin.unread.heard, None if thorough else origin.unread.wanted
    if weight is not None and weight.databases > MOST_USAGE:
        parts.lose(name, Loss(what="indexed_db", where=origin.name, why=TOO_LARGE))
        origin.unread.read(mark)
        return
    origin.blocked = {each: over for each, over in origin.blocked.items() if over > now}
    skip = [*origin.blocked]
    asked = {"names": wanted, "skip": skip, "most": MOST_DATABASES}
    why, told, texts = await _asked(frame, "databases", asked, until)
    if told is None:
        is_apart = weight is not None and not weight.databases and why.startswith("SecurityError")
        if not is_apart:  # such as a sandboxed document, which is of no origin for all its address
            parts.lose(name, Loss(what="indexed_db", where=origin.name, why=why))
        return
    read = dict(zip(told["read"], texts, strict=True))
    old = {} if set(told["there"]) <= set(read) else _databases(origin, parts.all.get(name))
    origin.lost = {
        database: why
        for database, why in (origin.lost | dict(told["lost"])).items()
        if database in told["there"] and (database not in read or database in dict(told["lost"]))
    }
    losses = tuple(
        Loss(what="indexed_db", where=origin.name, why=f"{database}: {why}")
        for database, why in sorted(origin.lost.items())
    )
    whole = {each: read.get(each) or old.get(each) for each in told["there"]}
    await _put(parts, name, {each: text for each, text in whole.items() if text}, origin, losses)
    origin.unread.read(mark)
    for database, why in told["lost"]:
        if database not in read and why != TOO_LARGE:
            origin.unread.add(database)
    for database in skip:
        if database in told["there"]:
            origin.unread.add(database)
    origin.blocked |= dict.fromkeys(told["blocked"], now + BLOCKED_FOR)


def _databases(origin: Origin, part: Part | None) -> dict[str, bytes]:
    """Each database of a part, as text."""
    if part is None:
        return {}
    if origin.spans_of == part.digest:
        return {name: part.data[start:end] for name, (start, end) in origin.spans.items()}
    return {each["name"]: Part.of("", each).data for each in value_of(part) or ()}


async def _put(
    parts: Parts, name: str, texts: dict[str, bytes], origin: Origin, losses: tuple[Loss, ...]
) -> None:
    """A part of several texts; where in it each is."""
    if not texts:
        parts.put(name, None, losses)
        return
    spans, start = {}, 1
    for each, text in texts.items():
        spans[each] = (start, start + len(text))
        start += len(text) + 1
    data = b"[" + b",".join(texts.values()) + b"]"
    digest = await _digest(data)
    parts.put_text(name, data, digest, losses)
    origin.spans, origin.spans_of = spans, digest


async def _digest(data: bytes) -> str:
    """SHA-256; of much in a thread, for nobody shall wait for it."""
    if len(data) < LARGE:
        return hashlib.sha256(data).hexdigest()
    return await anyio.to_thread.run_sync(lambda: hashlib.sha256(data).hexdigest())


async def read_files(
    frame: Frame, origin: Origin, parts: Parts, until: float, *, thorough: bool
) -> None:
    """The files, if they look otherwise than when they were read, into the origin's part. Those
    that took too long are not looked at for a while.
    """
    name, now = FILES + origin.name, anyio.current_time()
    if now < origin.files_late and not thorough:
        return
    told_before = origin.stamp if name in parts.all else ""
    asked = {"stamp": told_before, "most": MOST_FILES}
    why, told, texts = await _asked(frame, "files", asked, until)
    if told is None:
        parts.lose(name, Loss(what="files", where=origin.name, why=why))
        origin.files_late = now + BLOCKED_FOR
    elif "stamp" in told:
        losses = tuple(
            Loss(what="files", where=f"{origin.name}/{path}".rstrip("/"), why=why[:300])
            for path, why in told["lost"]
        )
        if texts:
            parts.put_text(name, texts[0], await _digest(texts[0]), losses)
        else:
            parts.put(name, None, losses)
        origin.stamp = told["stamp"]


async def _asked(
    frame: Frame, what: str, asked: dict[str, Any], until: float
) -> tuple[str, dict[str, Any] | None, list[bytes]]:
    seconds = min(READ_BOUND, (until - anyio.current_time()) / 2)
    if seconds <= 0:
        return _NO_TIME, None, []
    call = f"{what}({json.dumps({**asked, 'time': seconds * 1000})})"
    with anyio.CancelScope(deadline=until):
        try:
            return "", *await ask_long(frame, call)
        except DocumentLeft:
            return "its page went elsewhere while it was read", None, []
        except (Error, ValueError, RecursionError) as exc:
            return first_line(exc).removeprefix("Error: ")[:300], None, []
    return _NO_TIME, None, []


def _why(exc: Exception, origin: Origin | None = None) -> str:
    """What a failure says; what nobody expected goes into the log."""
    if not isinstance(exc, Error | DocumentLeft | TimeoutError):
        name = "" if origin is None else origin.name
        _log.warning("storage could not be read", origin=name, exc_info=exc)
        return "it could not be read"
    return first_line(exc)[:200] or "its page went elsewhere while it was read"


def _unvisited(origin: Origin, why: str) -> Loss:
    """Of an origin that could not be read since it was left."""
    is_local = not origin.local.is_reliable
    return Loss(what="local_storage" if is_local else "indexed_db", where=origin.name, why=why)


class Holdings:
    """What the origins of a context hold beside entries, put into its parts."""

    def __init__(self, reach: Reach, hearing: Hearing, parts: Parts) -> None:
        self._reach = reach
        self._hearing = hearing
        self._parts = parts
        self._place = ""
        """The context's id in the browser, once it was asked for."""
        self._apart: list[tuple[Origin, Usage]] = []
        """Origins that pages show, and that are nevertheless read in a page of ours."""
        self.until = 0.0
        """When the capture under way is to be over."""

    async def weigh(self, standing: Standing, weights: dict[str, Usage]) -> None:
        """What the origin of the tab's page has: as the page told, else the browser tells."""
        tab, weight = standing.tab, standing.weight
        if weight is not None:
            weights[weight.origin] = Usage.told(weight)
            return
        origin = origin_of(tab.url)
        if origin and origin not in weights:
            weights[origin] = Usage(0, 0, 0)
            weights[origin] = await usage(await tab.worlds.session(), origin)

    async def save_shown(
        self, standings: Iterable[Standing], weights: dict[str, Usage], *, thorough: bool
    ) -> tuple[set[str], list[Loss]]:
        """Databases and files of the origins that pages show; those origins, and what could not be
        read of them.
        """
        losses: list[Loss] = []
        calls: list[Coroutine[Any, Any, None]] = []
        shown: dict[str, tuple[Standing, Frame]] = {}
        for standing in standings:
            for name, frame in standing.open.items():
                shown.setdefault(name, (standing, frame))
        for name, where in shown.items():
            origin = self._hearing.origins.get(name)
            if origin is None:
                continue
            weight = weights.get(name)
            if weight is not None:
                origin.has_worker = weight.workers > 0
            if thorough or not self._is_as_it_was(origin, weight):
                call = self._save_shown(origin, *where, weights, thorough=thorough)
                calls.append(self._safely(origin, call, losses))
        if calls:
            await all_of(*calls)
        unasked = {
            origin_of(frame.url)
            for standing in standings
            if not standing.open
            for frame in standing.tab.page.frames
        }
        return {*shown, *unasked}, losses

    def _is_as_it_was(self, origin: Origin, weight: Usage | None) -> bool:
        """Whether nothing of it has to be asked for."""
        if weight is None or weight.files or FILES + origin.name in self._parts.all:
            return False
        is_due = origin.is_due(anyio.current_time())
        return self._hearing.is_followed(origin.name) and not is_due

    async def _safely(
        self, origin: Origin, call: Coroutine[Any, Any, None], losses: list[Loss]
    ) -> None:
        """What is unexpected of one origin is a loss of that origin, and read the next time."""
        why = _NO_TIME
        with anyio.CancelScope(deadline=self.until):
            try:
                await call
                return
            except Exception as exc:
                if self._reach.lost.beneath:
                    raise
                why = _why(exc, origin)
        origin.unread.add(None)
        losses.append(_unvisited(origin, why))

    async def _save_shown(
        self,
        origin: Origin,
        standing: Standing,
        frame: Frame,
        weights: dict[str, Usage],
        *,
        thorough: bool,
    ) -> None:
        session = frame.session
        weight = weights.get(origin.name)
        if weight is None and (thorough or not self._hearing.is_followed(origin.name)):
            with suppress(Error):
                weight = await usage(session, origin.name)
        if not self._hearing.is_followed(origin.name):
            await self._follow(origin, standing.tab)
        if weight is not None:
            origin.has_worker = weight.workers > 0
        if weight is None and origin.is_due(anyio.current_time()):
            weight = await usage(session, origin.name)
        if weight is not None and self._is_apart(origin, weight, thorough=thorough):
            self._apart.append((origin, weight))
            return
        await read_databases(frame, origin, self._parts, weight, self.until, thorough=thorough)
        if (weight is not None and weight.files) or FILES + origin.name in self._parts.all:
            await read_files(frame, origin, self._parts, self.until, thorough=thorough)

    def _is_apart(self, origin: Origin, weight: Usage, *, thorough: bool) -> bool:
        """Whether a page of ours reads it, not one that shows it: that one has other things to do,
        or stands still.
        """
        is_due = thorough or origin.is_due(anyio.current_time())
        if self.is_frozen:
            return bool((is_due and weight.databases) or weight.files)
        return is_due and weight.databases > LARGE

    async def _follow(self, origin: Origin, tab: Tab) -> None:
        ear = self._hearing.ears.get(tab)
        if ear is not None:
            with suppress(Error):
                await self._hearing.follow(ear, origin.name)
                origin.unread.add(None)

    @property
    def is_frozen(self) -> bool:
        """Whether the pages stand still."""
        freezing = self._reach.parts.get(Freezing)
        return freezing is not None and freezing.is_on

    async def save_left(self, shown: set[str], *, thorough: bool) -> list[Loss]:
        """Of origins that no page shows any more what may not have been read, and of others what is
        too much for their pages; what could not be.
        """
        apart, self._apart = self._apart, []
        left = [
            origin
            for name, origin in self._hearing.origins.items()
            if name not in shown and (origin.was_open or origin.is_due(anyio.current_time()))
        ]
        if not (left or apart):
            return []
        session = next((e.session for e in self._hearing.ears.values() if e.session), None)
        if session is None:
            return [_unvisited(origin, "no page is open") for origin in left]
        due = list(apart)
        losses: list[Loss] = []
        for origin in left:
            weight, why = None, _NO_TIME
            with anyio.CancelScope(deadline=self.until):
                try:
                    weight = await usage(session, origin.name)
                except Exception as exc:
                    if self._reach.lost.beneath:
                        raise
                    why = _why(exc, origin)
            if weight is None:
                losses.append(_unvisited(origin, why))
                continue
            origin.has_worker = weight.workers > 0
            if origin.was_open:  # what was written just before it was left may not have been told
                origin.unread.add(None)
            if self._may_hold_more(origin, weight):
                due.append((origin, weight))
            else:
                origin.was_open = False
                origin.unread.read(origin.unread.heard)
        return [
            *losses,
            *(await self._visit(session, due, shown, thorough=thorough) if due else []),
        ]

    def _may_hold_more(self, origin: Origin, weight: Usage) -> bool:
        """Whether there may be something that was not read."""
        has_databases = weight.databases or DATABASES + origin.name in self._parts.all
        has_databases = has_databases or origin.has_told
        has_files = weight.files or FILES + origin.name in self._parts.all
        return bool(
            not origin.local.is_reliable
            or (origin.was_open and origin.local.may_be_late)
            or (origin.is_due(anyio.current_time()) and has_databases)
            or (origin.was_open and has_files)
        )

    async def _visit(
        self,
        session: CDPSession,
        due: list[tuple[Origin, Usage]],
        shown: set[str],
        *,
        thorough: bool,
    ) -> list[Loss]:
        """Read these in a page that nobody is told of."""
        rest = {origin.name: origin for origin, _ in due}
        why = "there was no time to visit it"
        losses: list[Loss] = []
        with anyio.CancelScope(deadline=self.until):
            try:
                if not self._place:
                    target = await session.send("Target.getTargetInfo")
                    self._place = target["targetInfo"]["browserContextId"]
                async with backstage.opened(self._reach.context, self._place) as stage:
                    for origin, weight in due:
                        try:
                            await self._save_visited(stage, origin, weight, thorough=thorough)
                            origin.was_open = origin.name in shown
                        except Exception as exc:
                            if self._reach.lost.beneath or is_gone(exc):
                                raise
                            failed = f"it could not be visited: {_why(exc, origin)}"
                            losses.append(_unvisited(origin, failed))
                        del rest[origin.name]
            except Exception as exc:
                if self._reach.lost.beneath:
                    raise
                why = f"it could not be visited: {_why(exc)}"
        return [*losses, *(_unvisited(origin, why) for origin in rest.values())]

    async def _save_visited(
        self, stage: backstage.Backstage, origin: Origin, weight: Usage, *, thorough: bool
    ) -> None:
        for ear in list(self._hearing.ears.values())[:1]:
            if not self._hearing.is_followed(origin.name):
                await self._hearing.follow(ear, origin.name)
        frame = Frame(await stage.visit(origin.name), stage.session, (), origin.name)
        if origin.was_open or not origin.local.is_reliable:
            mark = origin.local.heard
            told = (await ask_frame(frame, 'read({"local":0})'))["local"]
            if "text" in told:
                origin.local.take(json.loads(told["text"]), mark)
        await read_databases(frame, origin, self._parts, weight, self.until, thorough=thorough)
        if weight.files or FILES + origin.name in self._parts.all:
            await read_files(frame, origin, self._parts, self.until, thorough=thorough)
