"""The conditions of a context in use, and the function `emulate`. Those that Playwright keeps for
the context hold before any request of a popup; those kept for each tab reach a popup as it opens.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from playwright.async_api import BrowserContext, Error, Request, Route

from agent_browser.browser import detour
from agent_browser.browser import options as wire
from agent_browser.browser.engine import Done, changed_only_new
from agent_browser.browser.functions import Reach, register
from agent_browser.browser.guise import Guise
from agent_browser.browser.routing import Rules
from agent_browser.browser.tab import Tab
from agent_browser.browser.translate import asked
from agent_browser.errors import OptionNeedsNewSession
from agent_browser.models import egress
from agent_browser.models.conditions import PRESETS, HttpCredentials, Passkey, Throttle
from agent_browser.models.emulation import (
    Authenticator,
    Credentials,
    EmulateInput,
    EmulateOutput,
    Emulation,
)
from agent_browser.models.functions import ContextOptions

MEDIA = ("media", "color_scheme", "reduced_motion", "forced_colors", "contrast")
BAD_GATEWAY = 502
"""What the driver takes for an answer, where the way out has no connection."""
FETCH_TIMEOUT = 60.0
"""Seconds that a request with headers of its origin may take."""
_STREAMED = ("eventsource", "media", "websocket")
_KEPT = tuple(name for name in ContextOptions.model_fields if name != "storage_state")


_LATE = (
    "media", "throttle", "cpu_slowdown", "headers_by_origin", "permissions_by_origin", "passkeys",
)  # fmt: skip


def has_late(options: ContextOptions, device: Mapping[str, Any]) -> bool:
    """Whether a context made with them has still to take some of them."""
    late = any(getattr(options, name) is not None for name in _LATE)
    return late or bool(options.user_agent or device.get("user_agent"))


class Conditions:
    """What is in force in one context."""

    def __init__(self, reach: Reach) -> None:
        self._context: BrowserContext = reach.context
        self._tabs = reach.tabs
        self._parts = reach.parts
        self._device = reach.device
        self.guise = Guise(reach.context, reach.tabs, reach.made_with, reach.device)
        self._now = reach.made_with.model_copy()
        self._size: dict[str, int | None] = {}
        self._routes: list[re.Pattern[str]] = []
        self._has_authenticator = False

    @classmethod
    def of(cls, reach: Reach) -> Self:
        return cls(reach)

    async def close(self) -> None:
        """Routes and listeners go with the context."""

    @property
    def now(self) -> ContextOptions:
        """The options in force, but for those that a context does not keep."""
        return self._now

    @property
    def has_authenticator(self) -> bool:
        """Whether pages can use passkeys that are held here."""
        return self._has_authenticator

    async def begin(self) -> None:
        """Take of what the context was made with that which Playwright doesn't make it with."""
        if not self.guise.is_plain:
            self._tabs.equip = self._equip
            await self.guise.begin()
        given = {name: getattr(self._now, name) for name in _LATE}
        await self.apply(ContextOptions.model_construct(**given))

    async def apply(self, options: ContextOptions) -> None:
        """Take what is given; what is absent stays."""
        headers = wire.headers(options.extra_headers)
        for each in (options.headers_by_origin or {}).values():
            wire.headers(each, "headers_by_origin")
        with self.sending_by(options) as wanted:
            await self._take(options, wanted, headers)
        self._now = wanted

    @contextmanager
    def sending_by(self, options: ContextOptions) -> Iterator[ContextOptions]:
        """What leaves goes out as these say from now on, and as before where what is done under it
        fails. The bounds that a profile set stay. What is in force with them; InvalidRequest.
        """
        given = {n: getattr(options, n) for n in _KEPT if getattr(options, n) is not None}
        before, wanted = self._now, self._now.model_copy(update=given)
        if options.egress is None and options.proxy_url is None:
            yield wanted
            return
        if options.egress is not None and before.egress is not None:
            try:
                wanted.egress = egress.within(options.egress, before.egress.within or [])
            except ValueError as exc:
                raise wire.wrong("egress", str(exc)) from None
        way_out = detour.of(self._context)
        way_out.take(wanted)
        try:
            yield wanted
        except BaseException:
            way_out.take(before)
            raise

    async def _take(
        self, options: ContextOptions, wanted: ContextOptions, headers: dict[str, str] | None
    ) -> None:
        before = self.guise.headers
        await self.guise.take(options)
        if not self.guise.is_plain:
            self._tabs.equip = self._equip
        if headers is not None or self.guise.headers != before:
            await self._send_headers(wanted)
        if options.http_credentials is not None:
            await self._give_credentials(wire.credentials(options.http_credentials))
        if options.show_cursor is not None:
            await self._tabs.show_cursor(on=options.show_cursor)
        if options.headers_by_origin is not None:
            await self._set_headers_by_origin(options.headers_by_origin)
        if options.permissions is not None or options.permissions_by_origin is not None:
            await self._grant(wanted)
        if options.geolocation is not None:
            await self._context.set_geolocation(wire.position(options.geolocation))
        if options.offline is not None:
            await self._context.set_offline(options.offline)
        if options.passkeys is not None:
            await self._hold_passkeys(options.passkeys)
        if options.dialogs is not None:
            self._tabs.manners.rule = options.dialogs
        if options.width is not None or options.height is not None:
            self._size = {"width": wanted.width, "height": wanted.height}
            for tab in self._tabs.open:
                await _resize(tab, wanted.width, wanted.height)
            self._tabs.equip = self._equip
        await self._apply_to_tabs(options, wanted)

    async def _apply_to_tabs(self, options: ContextOptions, wanted: ContextOptions) -> None:
        network = options.throttle is not None or (
            options.offline is not None and wanted.throttle is not None
        )
        for tab in self._tabs.open:
            if tab.crashed:
                continue
            if any(getattr(options, name) is not None for name in MEDIA):
                await _show_as(tab, options)
            if network:
                await _slow_network(tab, wanted)
            if options.cpu_slowdown is not None:
                await _slow_processor(tab, options.cpu_slowdown)
        if network or any(getattr(options, n) is not None for n in (*MEDIA, "cpu_slowdown")):
            self._tabs.equip = self._equip

    async def _equip(self, tab: Tab) -> None:
        """Bring a tab that has just come under the conditions that are kept for each."""
        try:
            if not self.guise.is_plain:
                await self.guise.equip(tab)
            if self._size:
                await _resize(tab, **self._size)
            if any(getattr(self._now, name) is not None for name in MEDIA):
                await _show_as(tab, self._now)
            if self._now.throttle is not None:
                await _slow_network(tab, self._now)
            if self._now.cpu_slowdown is not None:
                await _slow_processor(tab, self._now.cpu_slowdown)
        except Error:
            return  # it closed meanwhile

    async def _send_headers(self, wanted: ContextOptions) -> None:
        """The caller's, and those of the guise that the caller does not give."""
        given = wanted.extra_headers or {}
        names = {name.lower() for name in given}
        own = {n: value for n, value in self.guise.headers.items() if n.lower() not in names}
        await self._context.set_extra_http_headers({**own, **given})

    async def _give_credentials(self, given: dict[str, str] | None) -> None:
        """Playwright's driver takes them at any time, its Python side hides that."""
        channel = getattr(self._context._impl_obj, "_channel", None)
        give = getattr(channel, "setHTTPCredentials", None)
        if give is None:
            raise OptionNeedsNewSession(["http_credentials"])
        await give([given] if given is not None else None)

    async def _grant(self, wanted: ContextOptions) -> None:
        await self._context.clear_permissions()
        # None granted is all denied, in a browser that would ask somebody, too.
        await self._context.grant_permissions(wanted.permissions or [])
        for origin, names in (wanted.permissions_by_origin or {}).items():
            await self._context.grant_permissions(names, origin=origin)

    async def _set_headers_by_origin(self, given: Mapping[str, Mapping[str, str]]) -> None:
        """Interception of requests to these origins alone; none of it where there are none."""
        for pattern in self._routes:
            await self._context.unroute(pattern)
        self._routes = []
        for origin, headers in given.items():
            pattern = re.compile(f"^{re.escape(origin)}(?:[/?#]|$)", re.IGNORECASE)
            await self._context.route(pattern, self._carrier(headers))
            self._routes.append(pattern)
        rules = self._parts.get(Rules)
        if rules is not None:
            await rules.go_first()

    def _carrier(self, headers: Mapping[str, str]) -> Callable[[Route], Awaitable[None]]:
        async def carry(route: Route) -> None:
            way_out = detour.of(self._context)
            await _carry(route, headers, way_out, offline=bool(self._now.offline))

        return carry

    async def _hold_passkeys(self, given: list[Passkey]) -> None:
        credentials = self._context.credentials
        if not self._has_authenticator:
            await credentials.install()
            self._has_authenticator = True
        if not given:
            for held in await credentials.get():
                await credentials.delete(held["id"])
        for passkey in given:
            values: dict[str, Any] = passkey.model_dump(exclude_none=True)
            await credentials.create(values.pop("rp_id"), **values)

    async def in_force(self) -> Emulation:
        """All of it, as it is now."""
        now, tab = self._now, self._tabs.current
        size = (tab.page.viewport_size if tab is not None else None) or {"width": 0, "height": 0}
        return Emulation(
            width=size["width"],
            height=size["height"],
            javascript_enabled=now.javascript_enabled is not False,
            offline=bool(now.offline),
            throttle=None if throttle(now) == Throttle() else throttle(now),
            cpu_slowdown=now.cpu_slowdown or 1,
            permissions=now.permissions or [],
            permissions_by_origin=now.permissions_by_origin or {},
            extra_headers=sorted(now.extra_headers or {}),
            headers_by_origin={o: sorted(h) for o, h in (now.headers_by_origin or {}).items()},
            http_credentials=_without_password(now),
            proxy=wire.shown_proxy(now),
            egress=now.egress,
            passkeys=await self._passkeys(),
            **{name: self._value(name) for name in _AS_THEY_ARE},
        )

    def _value(self, name: str) -> Any:
        """As asked for, else as the device has it."""
        given = getattr(self._now, name)
        if given == "none" and name == "geolocation":
            return None
        return self._device.get(name) if given is None else given

    async def _passkeys(self) -> list[Authenticator]:
        if not self._has_authenticator:
            return []
        return [
            Authenticator(
                id=held["id"],
                rp_id=held["rpId"],
                user_handle=held["userHandle"],
                sign_count=held["signCount"],
            )
            for held in await self._context.credentials.get()
        ]


_AS_THEY_ARE = (
    "device", "device_scale_factor", "is_mobile", "has_touch", "user_agent", "locale", "timezone",
    "geolocation", *MEDIA,
)  # fmt: skip


def throttle(options: ContextOptions) -> Throttle:
    """The network's speed in numbers."""
    given = options.throttle or "none"
    return PRESETS[given] if isinstance(given, str) else given


def _without_password(options: ContextOptions) -> Credentials | None:
    given = options.http_credentials
    if not isinstance(given, HttpCredentials):
        return None
    return Credentials(username=given.username, origin=given.origin)


async def _resize(tab: Tab, width: int | None, height: int | None) -> None:
    now = tab.page.viewport_size or {"width": 0, "height": 0}
    wanted = (width or now["width"], height or now["height"])
    if wanted != (now["width"], now["height"]):
        await tab.page.set_viewport_size({"width": wanted[0], "height": wanted[1]})


async def _show_as(tab: Tab, options: ContextOptions) -> None:
    given = {n: getattr(options, n) for n in MEDIA if getattr(options, n) is not None}
    await tab.page.emulate_media(**given)
    if options.media is not None:
        # A new document takes the style sheets' medium of the session attached last, which is ours.
        session = await tab.worlds.session()
        await session.send("Emulation.setEmulatedMedia", {"media": options.media})


async def _slow_network(tab: Tab, options: ContextOptions) -> None:
    wanted = throttle(options)
    session = await tab.worlds.session()
    await session.send("Network.enable")
    await session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": bool(options.offline),
            "latency": wanted.latency_ms,
            "downloadThroughput": _bytes_a_second(wanted.download_kbps),
            "uploadThroughput": _bytes_a_second(wanted.upload_kbps),
        },
    )


def _bytes_a_second(kilobits: float | None) -> float:
    return -1 if kilobits is None else kilobits * 1000 / 8


async def _slow_processor(tab: Tab, rate: float) -> None:
    session = await tab.worlds.session()
    await session.send("Emulation.setCPUThrottlingRate", {"rate": rate})


async def _carry(
    route: Route, headers: Mapping[str, str], way_out: detour.Detour, *, offline: bool
) -> None:
    """Let a request go with its origin's headers. A redirect to another origin goes without: what
    is continued with headers keeps them over redirects, so the answer is fetched hop by hop.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        if offline:
            await route.abort("internetdisconnected")
            return
        wanted = {**route.request.headers, **lower}
        if _is_streamed(route.request):
            await route.continue_(headers=wanted)
            return
        response = await route.fetch(headers=wanted, max_redirects=0, timeout=FETCH_TIMEOUT * 1000)
        fault = way_out.stopped(route.request.url) if response.status == BAD_GATEWAY else None
        if fault is not None:
            await _failed(route, fault.reason)
            return
        await route.fulfill(response=response)
    except Error as exc:
        await _failed(route, str(exc))


def _is_streamed(request: Request) -> bool:
    """Its answer comes bit by bit, and may have no end."""
    return (
        request.resource_type in _STREAMED
        or "text/event-stream" in request.headers.get("accept", "").lower()
    )


async def _failed(route: Route, said: str) -> None:
    reasons = {
        "BLOCKED_BY_ADMINISTRATOR": "accessdenied",
        "CONNECTION_REFUSED": "connectionrefused",
        "NAME_NOT_RESOLVED": "namenotresolved",
        "ADDRESS_UNREACHABLE": "addressunreachable",
        "ECONNRESET": "connectionreset",
        "Timeout": "timedout",
        "TIMED_OUT": "timedout",
    }
    reason = next((word for code, word in reasons.items() if code in said), "failed")
    try:
        await route.abort(reason)
    except Error:
        return  # its page is gone


@register(EmulateInput)
async def emulate(reach: Reach, input: EmulateInput) -> Done:
    """Change what can be changed later, and say what is in force."""
    only_new = changed_only_new(input, reach.made_with)
    if input.storage_state is not None:
        only_new.append("storage_state")
    if only_new:
        raise OptionNeedsNewSession(only_new)
    conditions = reach.part(Conditions)
    with asked(lambda: reach.lost.browser, "emulate", input.timeout):
        await conditions.apply(input)
        return Done(EmulateOutput(emulation=await conditions.in_force()))
