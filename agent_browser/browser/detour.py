"""The proxy of one context, which the browser reaches over a relay of ours. The relay gives it the
name and password, speaks what Chromium doesn't, and knows why it failed.
"""

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from playwright.async_api import BrowserContext

from agent_browser.browser import options as wire
from agent_browser.errors import NavigationFailed
from agent_browser.models.functions import ContextOptions

if TYPE_CHECKING:
    from agent_browser.egress.relay import Relay

_NO_PEERS = """
for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'RTCDataChannel']) {
  delete globalThis[name];
}
"""
_PROXYS = re.compile(
    r"ERR_(?:EMPTY_RESPONSE|TUNNEL_CONNECTION_FAILED|PROXY_|CONNECTION_(?:RES|CL))"
)
"""What Chromium says where the relay has no connection for it."""
_RELAYS: WeakKeyDictionary[BrowserContext, "Relay"] = WeakKeyDictionary()


async def begin(options: ContextOptions) -> "Relay | None":
    """A relay to the proxy that the options ask for. InvalidRequest for a proxy that can't be."""
    upstream = wire.upstream(options)
    if upstream is None:
        return None
    # Here and not above: what it loads is 9 MB, which most servers never need.
    from agent_browser.egress.relay import Relay

    relay = Relay(upstream)
    await relay.start()
    return relay


def belongs(relay: "Relay", context: BrowserContext) -> None:
    """From now on it ends with the context."""
    _RELAYS[context] = relay


async def guard(context: BrowserContext) -> None:
    """Nothing of a context with a proxy goes around it: WebRTC would."""
    if context in _RELAYS:
        await context.add_init_script(_NO_PEERS)


async def end(context: BrowserContext) -> None:
    """The context is closed, and so is its relay. Idempotent."""
    relay = _RELAYS.pop(context, None)
    if relay is not None:
        await relay.close()


def explained(context: BrowserContext, failure: NavigationFailed, url: str) -> NavigationFailed:
    """The failure, with what is wrong with the context's proxy if that is why."""
    relay = _RELAYS.get(context)
    if relay is None or _PROXYS.search(failure.detail) is None:
        return failure
    fault = relay.fault(_target(url))
    return NavigationFailed(str(fault)) if fault is not None else failure


def silent(context: BrowserContext, url: str) -> str:
    """Words for the context's proxy where it has not answered so far; empty where it has, or there
    is none. Whether the proxy or the site behind it is slow nobody can tell.
    """
    relay = _RELAYS.get(context)
    if relay is None or not relay.awaits(_target(url)):
        return ""
    return f"no answer came through the proxy {relay.upstream.server}: "


def _target(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
