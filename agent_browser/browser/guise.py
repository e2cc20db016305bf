"""What pages are told of the browser that shows them: user agent, language, time zone, touch,
whether their scripts run. What a context was made with Playwright tells; what is changed later is
told here.
"""

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from playwright.async_api import BrowserContext, CDPSession, Error

from agent_browser.browser import options as wire
from agent_browser.browser.hints import hints_of
from agent_browser.browser.tab import Tab
from agent_browser.browser.tabs import Tabs
from agent_browser.errors import InvalidRequest
from agent_browser.models.functions import ContextOptions

_NO_HINTS = """
delete Object.getPrototypeOf(navigator).userAgentData;
delete globalThis.NavigatorUAData;
"""
LATER = ("user_agent", "locale", "timezone", "has_touch", "javascript_enabled")
_OF_A_PROCESS = frozenset({"locale", "timezone"})
"""A renderer has one of it: the first to set it keeps it from others, and takes it along."""
_TAKEN = "already in effect"
Commands = list[tuple[str, dict[str, Any]]]


class Guise:
    """Of one context."""

    def __init__(
        self,
        context: BrowserContext,
        tabs: Tabs,
        made_with: ContextOptions,
        device: Mapping[str, Any],
    ) -> None:
        self._context = context
        self._tabs = tabs
        self._now: dict[str, Any] = {
            "user_agent": made_with.user_agent or device.get("user_agent"),
            "locale": wire.locale(made_with.locale),
            "timezone": made_with.timezone,
            "has_touch": bool(made_with.has_touch),
            "javascript_enabled": made_with.javascript_enabled is not False,
        }
        self._later: set[str] = set()
        self._no_hints: AsyncExitStack | None = None
        self._within: dict[Tab, dict[str, str]] = {}
        """The workers, and frames with a renderer of their own, by the ids of their sessions."""

    @property
    def is_plain(self) -> bool:
        """Whether a tab that opens has nothing to be told."""
        return not self._later and self._now["user_agent"] is None

    async def begin(self) -> None:
        """The client hints of the user agent that the context was made with."""
        await self._choose_hints()
        for tab in self._tabs.open:
            await self.equip(tab)

    async def take(self, options: ContextOptions) -> None:
        """What is given and not in force yet. InvalidRequest, and DialogWaiting of any tab."""
        given = {name: getattr(options, name) for name in LATER}
        given["locale"] = wire.locale(options.locale)
        wire.timezone(options.timezone)
        changed = {n: v for n, v in given.items() if v is not None and v != self._now[n]}
        if not changed:
            return
        for tab in self._tabs.open:
            tab.dialogs.check()  # its page would take none of it
        was = dict(self._now), set(self._later)
        self._now |= changed
        self._later |= changed.keys()
        await self._choose_hints()
        try:
            for tab in self._tabs.open:
                await self._equip_open(tab)
        except InvalidRequest:
            self._now, self._later = was
            await self._choose_hints()
            raise

    @property
    def headers(self) -> dict[str, str]:
        """What the first request of a popup carries too, before anybody can tell the popup."""
        names = {"user_agent": "User-Agent", "locale": "Accept-Language"}
        return {header: self._now[n] for n, header in names.items() if n in self._later}

    async def equip(self, tab: Tab) -> None:
        """Tell a tab, and what is in it. Error."""
        session = await tab.worlds.session()
        if self._later and tab not in self._within:
            await self._follow(tab, session)
        for method, params in self._commands("page"):
            await _send(session, method, params)
        for session_id, kind in list(self._within.get(tab, {}).items()):
            await self._tell(session, session_id, kind)

    async def _equip_open(self, tab: Tab) -> None:
        try:
            if not tab.crashed:
                await self.equip(tab)
        except Error:
            if not tab.page.is_closed():
                raise

    async def retouch(self, tab: Tab) -> None:
        """Playwright's picture of more than the view leaves a page without touch."""
        if "has_touch" in self._later:
            session = await tab.worlds.session()
            await session.send("Emulation.setTouchEmulationEnabled", self._touch)

    def _commands(self, kind: str) -> Commands:
        now, later = self._now, self._later
        commands: Commands = []
        if kind != "worker":
            if "locale" in later:
                commands.append(("Emulation.setLocaleOverride", {"locale": now["locale"]}))
            if "timezone" in later:
                commands.append(("Emulation.setTimezoneOverride", {"timezoneId": now["timezone"]}))
            if "javascript_enabled" in later:
                off = {"value": not now["javascript_enabled"]}
                commands.append(("Emulation.setScriptExecutionDisabled", off))
        if now["user_agent"] is not None or "locale" in later:
            commands.append(("Emulation.setUserAgentOverride", self._names))
        if kind == "page" and "has_touch" in later:
            commands.append(("Emulation.setTouchEmulationEnabled", self._touch))
        return commands

    @property
    def _touch(self) -> dict[str, Any]:
        return {"enabled": self._now["has_touch"], "maxTouchPoints": 1}

    @property
    def _names(self) -> dict[str, Any]:
        """User agent, with the client hints that go with it (none where such a browser sends none),
        and language. No user agent is the browser's own.
        """
        user_agent, locale = self._now["user_agent"], self._now["locale"]
        override: dict[str, Any] = {"userAgent": user_agent or ""}
        hints = hints_of(user_agent) if user_agent is not None else None
        if hints is not None:
            override["userAgentMetadata"] = hints
        if locale is not None:
            override["acceptLanguage"] = locale
        return override

    async def _choose_hints(self) -> None:
        """Without them from the next document on, where the user agent is of a browser that has
        none.
        """
        user_agent = self._now["user_agent"]
        without = user_agent is not None and hints_of(user_agent) is None
        if without and self._no_hints is None:
            self._no_hints = AsyncExitStack()
            await self._no_hints.enter_async_context(await self._context.add_init_script(_NO_HINTS))
        elif not without and self._no_hints is not None:
            no_hints, self._no_hints = self._no_hints, None
            await no_hints.aclose()

    async def _follow(self, tab: Tab, session: CDPSession) -> None:
        """Hear of workers and frames, and of what makes a renderer forget."""
        within = self._within[tab] = {}

        async def came(event: dict[str, Any]) -> None:
            kind, session_id = event["targetInfo"]["type"], event["sessionId"]
            if kind in ("worker", "iframe"):
                within[session_id] = kind
                await self._tell(session, session_id, kind)

        def went(event: dict[str, Any]) -> None:
            within.pop(event["sessionId"], None)

        async def moved(_: object) -> None:
            await self._repeat()

        async def closed(_: object) -> None:
            self._within.pop(tab, None)
            await self._repeat()

        session.on("Target.attachedToTarget", came)
        session.on("Target.detachedFromTarget", went)
        tab.page.on("domcontentloaded", moved)
        tab.page.on("close", closed)
        # Without a session of its own for each: Playwright would take those for its own.
        how = {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": False}
        await session.send("Target.setAutoAttach", how)

    async def _repeat(self) -> None:
        """Set again what the tab that set it for all of a renderer took along."""
        if not self._later & _OF_A_PROCESS:
            return
        for tab in self._tabs.open:
            if not tab.crashed and tab.dialogs.waiting is None:
                try:
                    await self.equip(tab)
                except Error:
                    continue  # it closed meanwhile

    async def _tell(self, session: CDPSession, session_id: str, kind: str) -> None:
        for number, (method, params) in enumerate(self._commands(kind)):
            message = json.dumps({"id": number, "method": method, "params": params})
            to = {"sessionId": session_id, "message": message}
            try:
                await session.send("Target.sendMessageToTarget", to)
            except Error:
                return  # it ended meanwhile


async def _send(session: CDPSession, method: str, params: dict[str, Any]) -> None:
    try:
        await session.send(method, params)
    except Error as exc:
        if "Invalid locale" in str(exc):
            raise wire.wrong("locale", f"the browser has no locale {params['locale']!r}") from exc
        if "Invalid timezone" in str(exc):
            zone = params["timezoneId"]
            raise wire.wrong("timezone", f"the browser has no time zone {zone!r}") from exc
        if _TAKEN not in str(exc):
            raise
