"""The way out of one context: a port of the egress proxy that is its own. It carries the policy and
the proxy of the session, and knows why a connection failed, which the browser behind it does not.
"""

import re
from contextlib import suppress
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from playwright.async_api import BrowserContext, Error, Page, Request

from agent_browser.browser import options as wire
from agent_browser.egress.faults import DeniedFault, Fault
from agent_browser.egress.ports import Egress, Port
from agent_browser.errors import AgentBrowserError, EgressDenied, NavigationFailed
from agent_browser.models.egress import Traffic
from agent_browser.models.functions import ContextOptions
from agent_browser.quotas.meter import Meter

_PROXYS = re.compile(
    r"ERR_(?:EMPTY_RESPONSE|TUNNEL_CONNECTION_FAILED|PROXY_|CONNECTION_(?:RES|CL)|ACCESS_DENIED)"
)
"""What Chromium says where the port has no connection for it, or we where the driver asked."""
_MOST_TOLD = 300
"""Characters of a fault that are told."""
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class Detour:
    """One context's. It is closed after its context."""

    def __init__(self, port: Port, egress: Egress) -> None:
        self._port = port
        self.server = port.server
        """The proxy that the browser is told."""
        self._server_policy = egress.policy
        self._faults: WeakKeyDictionary[Request, Fault] = WeakKeyDictionary()
        self._last: WeakKeyDictionary[Page, Request] = WeakKeyDictionary()
        """The navigation of each page that failed last."""

    @classmethod
    async def begin(cls, egress: Egress, options: ContextOptions) -> "Detour":
        """A way out as the options ask for. InvalidRequest for bounds, or a proxy, that can't be;
        OSError where there is no port left.
        """
        wire.way(options, egress.policy)
        detour = cls(await egress.port(), egress)
        detour.take(options)
        return detour

    @property
    def traffic(self) -> Traffic:
        """What passed so far, by host."""
        return self._port.traffic()

    def take(self, options: ContextOptions) -> None:
        """From now on nothing passes but as these say. InvalidRequest."""
        self._port.bind(wire.way(options, self._server_policy))

    def count(self, meter: Meter) -> None:
        """From now on what passes counts there too, and nothing does once that is spent."""
        self._port.count(meter)

    def failed(self, request: Request) -> None:
        """A request came to nothing: remember why, before the next to the same host does."""
        fault = self._fault(request.url, request.failure or "")
        if fault is not None:
            self._faults[request] = fault
        page = _navigating(request)
        if page is not None:
            self._last[page] = request

    def forget(self, page: Page) -> None:
        """A page is about to be navigated: what failed in it before is not why that will."""
        self._last.pop(page, None)

    def fault_of(self, request: Request) -> Fault | None:
        """Why it came to nothing, where that was on the way and not in the browser."""
        return self._faults.get(request) or self._fault(request.url, request.failure or "")

    def why(self, request: Request) -> str | None:
        """What is told of a request's failure; None of one that did not fail."""
        if request.failure is None:
            return None
        fault = self.fault_of(request)
        return request.failure if fault is None else said(fault)

    def stopped(self, url: str) -> Fault | None:
        """Why the last try of that host and port came to nothing on the way, if it did."""
        return self._port.fault(_target(url))

    def words(self, url: str, failure: str) -> str:
        """A failure's words, for an address that was asked for just now."""
        fault = self._fault(url, failure)
        return failure if fault is None else said(fault)

    def explained(self, failure: NavigationFailed, page: Page, url: str = "") -> AgentBrowserError:
        """The failure of a page's navigation, with what stopped it on the way if that is why: of
        the address itself, or of another that it led to.
        """
        last = self._last.get(page)
        fault = self._fault(url, failure.detail) if last is None else self.fault_of(last)
        return failure if fault is None else error(fault)

    def silent(self, url: str) -> str:
        """Words for the session's own proxy where it has not answered so far; empty where it has,
        or there is none. Whether it or the site behind it is slow nobody can tell.
        """
        upstream = self._port.upstream
        if upstream is None or not self._port.awaits(_target(url)):
            return ""
        return f"no answer came through the proxy {upstream.server}: "

    async def close(self) -> None:
        """Its port is closed. Idempotent."""
        await self._port.close()

    def _fault(self, url: str, failure: str) -> Fault | None:
        return self.stopped(url) if _PROXYS.search(failure) else None


_DETOURS: WeakKeyDictionary[BrowserContext, Detour] = WeakKeyDictionary()


def belongs(detour: Detour, context: BrowserContext) -> None:
    """From now on it ends with the context."""
    _DETOURS[context] = detour


def of(context: BrowserContext) -> Detour:
    """The context's. KeyError for one that is not of this engine."""
    return _DETOURS[context]


async def end(context: BrowserContext) -> Traffic:
    """The context is closed, and so is its way out; what passed in all. Idempotent."""
    detour = _DETOURS.pop(context, None)
    if detour is None:
        return Traffic()
    await detour.close()
    return detour.traffic


def said(fault: Fault) -> str:
    """A fault as logs and lists of requests have it."""
    return str(fault)[:_MOST_TOLD]


def error(fault: Fault) -> AgentBrowserError:
    """A fault as who asked for the page is told of it."""
    if isinstance(fault, DeniedFault):
        return EgressDenied(f"Failed to open URL: {fault.sentence}", host=fault.host)
    return NavigationFailed(str(fault))


def _navigating(request: Request) -> Page | None:
    """The page that the request was to bring to another document, if it was."""
    if not request.is_navigation_request():
        return None
    with suppress(Error):
        frame = request.frame
        return frame.page if frame.parent_frame is None else None
    return None


def _target(url: str) -> str:
    """host:port of an address, as the port has it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port or _PORTS.get(parts.scheme, 80)}"
