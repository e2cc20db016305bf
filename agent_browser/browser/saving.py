"""What a context is, written down in parts: cookies, storage, tabs, options.

What has not changed is not read again: changes are heard (`hearing`), the rest is compared in the
pages (`standing`), and origins that were left are visited only for what may have been missed.
"""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Literal, Self

import anyio
import structlog
from playwright.async_api import Error

from agent_browser.browser import backstage
from agent_browser.browser.areas import Area
from agent_browser.browser.emulation import Conditions
from agent_browser.browser.frames import Frames
from agent_browser.browser.functions import Reach
from agent_browser.browser.hearing import MOST_ORIGINS, Ear, Hearing
from agent_browser.browser.holdings import Holdings
from agent_browser.browser.parts import Parts, value_of
from agent_browser.browser.routing import Rules
from agent_browser.browser.standing import Claims, Standing
from agent_browser.browser.tab import Tab
from agent_browser.browser.together import all_of, both
from agent_browser.browser.translate import first_line, is_gone
from agent_browser.browser.weights import Usage
from agent_browser.browser.worlds import DocumentLeft
from agent_browser.errors import ActionFailed, AgentBrowserError, BrowserLost
from agent_browser.models.checkpoints import (
    COOKIES,
    DATABASES,
    FILES,
    LOCAL,
    OPTIONS,
    PASSKEYS,
    SESSION,
    TABS,
    Loss,
    Part,
    State,
)
from agent_browser.models.functions import ContextOptions
from agent_browser.models.state import StorageState

CAPTURE_BOUND = 6.0
"""Seconds for a whole capture; what was not read by then is as it was."""
WAITING_BOUND = 9.0
"""Seconds from when somebody asked, if another capture was under way."""
TAB_BOUND = 1.0
"""Seconds that a page has to answer."""
MOST_ENTRIES = 10_000_000
"""Characters of an origin's localStorage, and of its sessionStorage in a tab."""
NOT_SAVED = frozenset({"storage_state", "passkeys", "profile", "record_video"})
"""Options that are no conditions: what they bring is saved as it is now."""

_log = structlog.get_logger(__name__)
_MISSED = "it stored too much to be followed, and was left since it was read"


class Saving:
    """Reads the state of one context, and knows what of it has not changed since."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._on_change: Callable[[], None] | None = None
        self._parts = Parts()
        self._hearing = Hearing(reach.tabs, self._changed)
        self._holdings = Holdings(reach, self._hearing, self._parts)
        self._standing: dict[Tab, Standing] = {}
        self._one = anyio.Lock()
        self._last: State | None = None
        self._last_thorough = False
        self._captures = 0
        self._options: ContextOptions | None = None
        self._brought: dict[str, list[dict[str, Any]]] = {}
        """sessionStorage that was brought into tabs, by their ids."""
        self._owed: dict[str, Part] = {}
        given = reach.made_with.storage_state
        self._hearing.begins_empty = given is None and all(
            tab.url == "about:blank" for tab in reach.tabs.open
        )
        if given is not None:
            self.given(given)
        for tab in reach.tabs.open:
            self._hearing.meet(tab)
        reach.context.on("page", self._came)

    @classmethod
    def of(cls, reach: Reach) -> Self:
        return cls(reach)

    async def close(self) -> None:
        """The listeners go with the context."""

    @property
    def on_change(self) -> Callable[[], None] | None:
        """Told when pages changed what a checkpoint holds."""
        return self._on_change

    @on_change.setter
    def on_change(self, callback: Callable[[], None] | None) -> None:
        self._on_change = callback

    def _changed(self) -> None:
        if self._on_change is not None and not self._reach.lost.context:
            self._on_change()

    async def _came(self, page: Any) -> None:
        tab = None if backstage.is_ours(page) else self._reach.tabs.of(page)
        if tab is not None:
            with suppress(Error):
                await self._hearing.listen(tab)

    async def begin(self) -> None:
        """Hear from now on what pages store. Without it that begins with the first capture."""
        for tab in self._reach.tabs.open:
            with suppress(Error):
                await self._hearing.listen(tab)

    def given(self, state: StorageState) -> None:
        """The context was given this storage: it is to be read though no page shows its origins."""
        self._hearing.begins_empty = False
        for each in state.origins:
            origin = self._hearing.origin(each.origin)
            if origin is not None:
                origin.was_open, origin.local.is_known = True, False
                origin.unread.add(None)

    def seed(self, state: State) -> None:
        """The context has this state, or is about to have it: no origin of it need be visited."""
        for name, part in state.parts.items():
            if name in (COOKIES, OPTIONS) or name.startswith(SESSION):
                self._parts.all[name] = part  # made anew, and the same object if it is the same
            if name.startswith((LOCAL, DATABASES, FILES)):
                self._parts.all[name] = part
                origin = self._hearing.origin(name.partition(" ")[2])
                if origin is not None:
                    origin.was_open = False
                    origin.unread.read(origin.unread.heard)
                    origin.local.is_known = True
        for name, part in state.parts.items():
            value = value_of(part) if name.startswith((SESSION, LOCAL)) else None
            if value is None:
                continue
            if name.startswith(SESSION):
                self._brought[name.removeprefix(SESSION)] = value
            elif (origin := self._hearing.origin(name.removeprefix(LOCAL))) is not None:
                origin.local.entries = {each["name"]: each["value"] for each in value}

    def owe(self, state: State) -> None:
        """These parts could not be brought back, or not whole. Each is saved as it was until its
        origin has stored something else; what the origin has now is to be read.
        """
        self._owed = dict(state.parts)
        for name in self._owed:
            is_tabs = name.startswith(SESSION)
            origin = None if is_tabs else self._hearing.origin(name.partition(" ")[2])
            if origin is not None:
                origin.local.miss()
                origin.unread.add(None)

    def _with_owed(self) -> dict[str, Part]:
        """All parts; where there is none the one that is owed."""
        made = self._parts.all
        of_tabs = {SESSION + tab.id for tab in self._reach.tabs.open}
        self._owed = {
            name: part
            for name, part in self._owed.items()
            if (name not in made or made[name].digest == part.digest)
            and (name in of_tabs or not name.startswith(SESSION))
        }
        return {**self._owed, **made}

    def missed(self, name: str) -> None:
        """The localStorage of an origin that no tab shows was changed by a call."""
        origin = self._hearing.origin(name)
        if origin is not None:
            origin.local.miss()
            origin.was_open = True
            self._changed()

    async def capture(self, *, thorough: bool) -> State:
        """See `engine.Context.capture`. Who asks while one is made gets that one."""
        before = self._captures
        latest = anyio.current_time() + WAITING_BOUND
        async with self._one:
            was_made = self._captures > before and (self._last_thorough or not thorough)
            if was_made and self._last is not None:
                return self._last
            if self._reach.lost.browser:
                raise BrowserLost
            until = min(latest, anyio.current_time() + CAPTURE_BOUND)
            try:
                state = await self._capture(until, thorough=thorough)
            except AgentBrowserError:
                raise
            except Exception as exc:
                if self._reach.lost.beneath or is_gone(exc):
                    raise BrowserLost() from exc
                _log.warning("a session could not be written down", exc_info=True)
                raise ActionFailed("failed", first_line(exc)) from exc
            if self._reach.lost.browser:
                raise BrowserLost
            self._last, self._last_thorough = state, thorough
            self._captures += 1
            return state

    async def _capture(self, until: float, *, thorough: bool) -> State:
        claims = Claims(thorough=thorough, frozen=self._holdings.is_frozen)
        tabs = self._reach.tabs.open
        for gone in [tab for tab in self._standing if tab not in tabs]:
            del self._standing[gone]
        weights: dict[str, Usage] = {}
        losses: list[Loss] = []
        self._holdings.until = until
        others = [
            *(self._in_time(until, "passkeys", call, losses) for call in self._passkeys()),
            *(self._save_tab(tab, claims, weights, until) for tab in tabs),
        ]
        await both(
            self._in_time(until, "cookies", self._save_cookies(), losses),
            others[0] if len(others) == 1 else all_of(*others),
        )
        self._save_options()
        shown, unread = await self._holdings.save_shown(
            self._standing.values(), weights, thorough=thorough
        )
        losses += unread
        losses += await self._holdings.save_left(shown, thorough=thorough)
        tabs = [tab for tab in tabs if not tab.closed]
        losses += self._save_areas(tabs)
        self._save_tabs(tabs)
        for tab in tabs:
            losses += self._standing[tab].losses
        losses += self._told_losses()
        return State(self._with_owed(), (*self._parts.losses, *losses))

    async def _in_time(
        self,
        until: float,
        what: Literal["cookies", "passkeys"],
        call: Coroutine[Any, Any, None],
        losses: list[Loss],
    ) -> None:
        """One part; what can't be read in time is as it was, and told."""
        why = "there was no time to read it"
        with anyio.CancelScope(deadline=until):
            try:
                await call
                return
            except Exception as exc:
                if self._reach.lost.beneath or is_gone(exc):
                    raise
                _log.warning("something of a session could not be read", what=what, exc_info=True)
                why = "it could not be read"
        losses.append(Loss(what=what, why=why))

    async def _save_cookies(self) -> None:
        told: list[Any] = list(await self._reach.context.cookies())
        key = lambda c: [str(c.get(n, "")) for n in ("domain", "path", "name", "partitionKey")]  # noqa: E731
        self._parts.put_small(COOKIES, sorted(told, key=key))

    def _passkeys(self) -> list[Coroutine[Any, Any, None]]:
        """The call that saves them, where there may be some."""
        conditions = self._reach.parts.get(Conditions)
        has_some = conditions is not None and conditions.has_authenticator
        return [self._save_passkeys()] if has_some else []

    async def _save_passkeys(self) -> None:
        self._parts.put_small(PASSKEYS, list(await self._reach.context.credentials.get()))

    def _save_options(self) -> None:
        conditions = self._reach.parts.get(Conditions)
        now = self._reach.made_with if conditions is None else conditions.now
        if now is not self._options:
            value = now.model_dump(
                mode="json", by_alias=True, exclude_none=True, exclude=set(NOT_SAVED)
            )
            self._parts.put(OPTIONS, value)
            self._options = now

    def _meet(self, tab: Tab) -> Standing:
        if tab not in self._standing:
            self._standing[tab] = Standing(tab)
            self._hearing.bring(tab, self._brought.pop(tab.id, []))
        return self._standing[tab]

    def frames(self, tab: Tab) -> Frames:
        """The tab's frames, each with our world in its document."""
        return self._meet(tab).frames

    async def _save_tab(
        self, tab: Tab, claims: Claims, weights: dict[str, Usage], until: float
    ) -> None:
        standing = self._meet(tab)
        if tab.crashed:
            standing.fall_back("its page crashed")
            return
        if tab.dialogs.waiting is not None:
            standing.fall_back("a dialog waits")
            return
        bound = anyio.current_time() + TAB_BOUND
        with anyio.CancelScope(deadline=min(bound, until)) as scope:
            try:
                await self._read(standing, claims)
                await self._holdings.weigh(standing, weights)
            except Exception as exc:
                if self._reach.lost.beneath:
                    raise
                if not isinstance(exc, Error | DocumentLeft):
                    _log.warning("a tab could not be written down", tab=tab.id, exc_info=True)
                standing.fall_back("its page could not be read")
                return
            await self._hear_again(tab)
        if scope.cancelled_caught:
            standing.fall_back(f"its page did not answer within {TAB_BOUND:g} s")

    async def _read(self, standing: Standing, claims: Claims) -> None:
        try:
            await standing.read(self._hearing, claims)
        except DocumentLeft:  # it went on just now: the document after it, then
            await standing.read(self._hearing, claims.anew())

    async def _hear_again(self, tab: Tab) -> None:
        """A tab that stored too much to be listened to is, once nothing changed between two reads;
        until then it is due to be read again.
        """
        ear = self._hearing.ears.get(tab)
        if ear is None or not ear.is_deaf:
            return
        now = self._hearing.stored(ear)
        if now == ear.stored:
            with suppress(Error):
                await self._hearing.listen_again(ear)
        else:
            ear.stored = now
            self._changed()

    def _save_areas(self, tabs: Sequence[Tab]) -> list[Loss]:
        """localStorage of all origins, sessionStorage of all tabs, as far as it changed; of which
        nobody can tell any more what it was in the end.
        """
        for origin in self._hearing.origins.values():
            if origin.local.is_dirty:
                losses = _too_large("local_storage", origin.name, origin.local)
                self._parts.put(LOCAL + origin.name, [] if losses else origin.local.told, losses)
                origin.local.is_dirty = False
        for tab in tabs:
            ear = self._hearing.ears.get(tab)
            if ear is not None and any(area.is_dirty for area in ear.areas.values()):
                self._save_session(tab, ear)
        self._parts.keep(SESSION, {tab.id for tab in tabs})
        return [
            Loss(what="session_storage", where=f"{tab.id} {name}", why=_MISSED)
            for tab in tabs
            if tab in self._hearing.ears
            for name, area in self._hearing.ears[tab].areas.items()
            if area.was_missed and self._standing[tab].open and name not in self._standing[tab].open
        ]

    def _save_session(self, tab: Tab, ear: Ear) -> None:
        value: list[dict[str, Any]] = []
        losses: tuple[Loss, ...] = ()
        for name, area in sorted(ear.areas.items()):
            area.is_dirty = False
            too_large = _too_large("session_storage", f"{tab.id} {name}", area)
            losses += too_large
            if area.entries and not too_large:
                value.append({"origin": name, "entries": area.told})
        self._parts.put(SESSION + tab.id, value, losses)

    def _save_tabs(self, tabs: Sequence[Tab]) -> None:
        current = self._reach.tabs.current
        self._parts.put_small(
            TABS,
            {
                "active": current.id if current is not None and current in tabs else None,
                "last_tab": self._reach.tabs.mark(),
                "last_ref": self._reach.view.numbers.next - 1,
                "tabs": [self._standing[tab].state for tab in tabs],
            },
        )

    def _told_losses(self) -> list[Loss]:
        """What is not saved at all."""
        losses = [
            Loss(what="service_worker", where=name, why="service workers are not saved")
            for name, origin in self._hearing.origins.items()
            if origin.has_worker
        ]
        rules = self._reach.parts.get(Rules)
        if rules is not None and rules.states:
            why = f"{len(rules.states)} rules for requests are not saved"
            losses.append(Loss(what="routes", where="", why=why))
        if self._hearing.refused:
            some = f"{len(self._hearing.refused)} or more beyond {MOST_ORIGINS} origins"
            losses.append(Loss(what="local_storage", where="", why=f"{some} are not saved"))
        return losses


def _too_large(
    what: Literal["local_storage", "session_storage"], where: str, area: Area
) -> tuple[Loss, ...]:
    if area.size <= MOST_ENTRIES:
        return ()
    why = f"it is larger than {MOST_ENTRIES // 1_000_000} MB"
    return (Loss(what=what, where=where, why=why),)
